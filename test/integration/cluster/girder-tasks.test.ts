import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { connect } from 'amqplib';
import { aFileIn, aFolder, girder } from '../../e2e/support/girder.ts';
import { environment } from '../../e2e/support/environment.ts';
import { cancelJob, logOf } from '../../e2e/support/girder-job.ts';
import { succeeded } from '../../e2e/support/job-run.ts';
import { type CapturedMessage, MessageTrace, publishCaptured } from '../../fixtures/celery-messages.ts';
import { publishOne, runInGirder } from '../../fixtures/girder-examples.ts';
import { GirderWorker } from '../../fixtures/girder-worker.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { jobInState, SlicerCli } from '../../fixtures/slicer-cli.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';

type JobInfo = { readonly reference: string; readonly headers: { readonly 'Girder-Token': string } };

const test = suite('Girder and its broker');
const docker = 'girder_worker.docker.tasks.docker_run';
const slicer = 'slicer_cli_web.girder_worker_plugin.direct_docker_run.run';
/** A queue of this test, so that neither a worker nor the bridge takes what it publishes. */
const queue = `test-${randomBytes(6).toString('hex')}`;
let trace: MessageTrace;
let folder: string;

test.before(async () => {
  trace = await MessageTrace.open();
  folder = await aFolder(queue);
});

test.after(async () => {
  await trace?.[Symbol.asyncDispose]();
  const connection = await connect(environment('GIRDER_WORKER_BROKER'));
  const channel = await connection.createChannel();
  for (const name of ['', '-away', '-worker'].map((suffix) => `${queue}${suffix}`)) {
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
  }
  await connection.close();
});

test('a task that a plugin publishes inside of a request has a job, and a token for this job', async () => {
  const task = await publishOne('hello', { values: { image: 'busybox:local', queue } });
  const { key, headers, text } = await trace.task(task.taskId);
  assert.equal([task.task, headers['task'], key], [docker, docker, queue]);
  assert.match(text, '["busybox:local"]');
  const job = headers['jobInfoSpec'] as JobInfo;
  assert.is(job.reference, task.jobId);
  const answer = await fetch(`${environment('GIRDER_API_URL')}/job/${job.reference}`, {
    headers: { 'Girder-Token': job.headers['Girder-Token'] },
  });
  assert.is(((await answer.json()) as { title: string }).title, 'hello of a test');
});

test('a task of a user has a job of this user', async () => {
  const login = `u${queue.slice(-8)}`;
  const person = { login, email: `${login}@example.org`, firstName: 'A', lastName: 'User', password: queue };
  const { _id: id } = await girder<{ _id: string }>('POST', `user?${new URLSearchParams(person).toString()}`);
  try {
    const { jobId } = await publishOne('hello', { values: { image: 'busybox:local', queue }, user: login });
    const jobs = await girder<{ _id: string }[]>('GET', `job?userId=${id}`);
    assert.equal(
      jobs.map(({ _id: one }) => one),
      [jobId],
    );
  } finally {
    await girder('DELETE', `user/${id}`);
  }
});

test('a run of a CLI publishes one task with all its parameters to the queue celery', async () => {
  const cli = await SlicerCli.register(folder);
  const fileId = await aFileIn(folder, 'a.txt', Buffer.from('1\n2\n'));
  const jobId = await cli.run({
    ...{ inputFile: fileId, outputFile: 'out.txt', outputFile_folder: folder },
    ...{ moreFiles: `${fileId},${fileId}`, inputDirectory: folder, inputItem: cli.id, flag: true, mode: 'b' },
    ...{ vec: '[1, 2.5]', roi: '[1, 2, 3, 4]', girderApiUrl: '', girderToken: '', note: 'of {{title}}' },
  });
  const { celeryTaskId } = await girder<{ celeryTaskId: string }>('GET', `job/${jobId}`);
  const { key, headers, text } = await trace.task(celeryTaskId);
  assert.equal([key, headers['task']], ['celery', slicer]);
  assert.is((headers['jobInfoSpec'] as JobInfo).reference, jobId);
  assert.is((headers['girder_result_hooks'] as unknown[]).length, 1);
  for (const part of [
    'CommaJoinedVolumes',
    'GirderToken',
    'GirderItemIdToVolume',
    '1, 2.5',
    'of Count Lines',
  ])
    assert.match(text, part);
  // Nobody may run it: its job has ended then.
  await cancelJob(jobId);
});

test('the original runs a message that was published again, with its properties and headers', async () => {
  const away = `${queue}-away`;
  const task = await publishOne('hello', { values: { image: 'busybox:local', queue: away } });
  const { properties, headers, text } = await trace.task(task.taskId);
  const forWorker = `${queue}-worker`;
  await using worker = await GirderWorker.start([forWorker]);
  const connection = await connect(environment('GIRDER_WORKER_BROKER'));
  const channel = await connection.createConfirmChannel();
  const message = { properties, headers, body_text: text } as CapturedMessage;
  publishCaptured(channel, forWorker, message);
  await channel.waitForConfirms();
  await connection.close();
  const { status, log = [] } = await jobInState(task.jobId, [succeeded, 4, 5]);
  assert.is(status, succeeded, `${log.join('')}\n${worker.log}`);
  // Of a container that ends at once, the original may lose the output (D5): what it ran is in its first line.
  const holds = (text: string) => text.includes("image: busybox:local args: ['echo', 'hello']");
  await until('its first line is in the log', () => logOf(task.jobId), { holds });
});

test('the job of the page about Girder Worker is made in a plugin, with a token for this job only', async () => {
  const made = `
from girder.api.rest import getCurrentUser
from girder.models.token import Token
from girder_jobs.models.job import Job

user = getCurrentUser()
${pageBlock('docs/from-girder-worker.md', 'createJobToken')}
assert job['title'] == 'Segment' and job['userId'] == user['_id'] and not job['handler']
assert Token().getAllowedScopes(Token().load(token, force=True, objectId=False)) == ['jobs.job_' + str(job['_id'])]
Job().remove(job)
`;
  assert.equal(await runInGirder('create-job', made), []);
});

test('the user of the bridge sees the queue of Girder, and may not declare it', async () => {
  const connection = await connect(environment('DOCKERRUN_BRIDGE_BROKER'));
  connection.on('error', () => undefined);
  try {
    const channel = await connection.createChannel();
    assert.is((await channel.checkQueue('celery')).queue, 'celery');
    channel.on('error', () => undefined);
    const refusal = await channel.assertQueue('celery').then(
      () => '',
      (error: Error) => error.message,
    );
    assert.match(refusal, 'ACCESS_REFUSED');
  } finally {
    await connection.close();
  }
});

test.run();
