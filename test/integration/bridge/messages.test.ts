import * as assert from 'uvu/assert';
import { recordAt } from '../../../src/kube/json.ts';
import { cancelJob, logOf, putJob, statesOf, storedJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';

type Context = { lab: BridgeLab; bridge: BridgeProcess };
const test = suite<Context>('messages of the bridge');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  context.bridge = await context.lab.bridge();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

test('a message becomes a run with its Secret, and its job is RUNNING', async ({ lab }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  const run = await lab.run(taskId);
  await lab.jobIs(job, 2);
  await lab.drained();
  const log = await logOf(job.jobId);
  assert.is(
    log,
    `Runs on Kubernetes as the DockerRun default/girder-${taskId}.\nA note of the translation.\n`,
  );
  assert.is(JSON.stringify(run).includes(job.token), false);
});

test('a message that comes twice makes one run', async ({ lab, bridge }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  const run = await lab.run(taskId);
  const before = await bridge.metric('dockerrun_bridge_messages_total', 'duplicate');
  await lab.publish({ job, taskId });
  await until('the second is seen', () => bridge.metric('dockerrun_bridge_messages_total', 'duplicate'), {
    holds: (seen) => seen === before + 1,
  });
  const again = await lab.run(taskId);
  assert.is(recordAt(again, 'metadata')['uid'], recordAt(run, 'metadata')['uid']);
});

test('a message whose job was cancelled before makes no run', async ({ lab }) => {
  const [inactive, queued] = [await lab.job(), await lab.job()];
  await cancelJob(inactive.jobId);
  await putJob(queued, { status: '1' });
  await cancelJob(queued.jobId);
  assert.is((await storedJob(queued.jobId)).status, 824);
  const ids = await lab.publishAll([{ job: inactive }, { job: queued }]);
  await lab.drained();
  await lab.jobIs(queued, 5);
  const runs = await lab.runs();
  assert.equal(
    ids.filter((id) => runs.includes(`girder-${id}`)),
    [],
  );
});

test('a message whose token Girder does not know makes a run all the same', async ({ lab }) => {
  const { jobId } = await lab.job();
  const taskId = await lab.publish({ job: { jobId, token: 'a'.repeat(64) } });
  await lab.run(taskId);
  await lab.drained();
});

test('a refused message ends its job with the sentence in its log', async ({ lab }) => {
  const job = await lab.job();
  await lab.publish({ job, headers: { refusal: 'The task uses a transform that DockerRun does not know.' } });
  await lab.jobIs(job, 4);
  await lab.drained();
  assert.equal(await statesOf(job.jobId), [2, 4]);
  assert.is(await logOf(job.jobId), 'The task uses a transform that DockerRun does not know.\n');
});

test('a refusal that slicer_cli_web undoes by saving its copy is repeated', async ({ lab }) => {
  const job = await lab.job();
  await lab.publish({ job, headers: { refusal: 'Refused.' } });
  await lab.jobIs(job, 4);
  await lab.setBack(job);
  await lab.jobIs(job, 4);
  assert.is(await logOf(job.jobId), 'Refused.\n');
});

test('a run that the API server refuses ends its job', async ({ lab }) => {
  const job = await lab.job();
  await lab.publish({ job, headers: { image: 'x'.repeat(5_000) } });
  await lab.jobIs(job, 4);
  assert.match(await logOf(job.jobId), /cannot create the DockerRun default\/girder-.*spec\.image/s);
});

test('a message that is not a task is dropped, with its digest in the log', async ({ lab, bridge }) => {
  const channel = await lab.broker.channel();
  channel.sendToQueue('celery', Buffer.from('{"no": "task"}'), { headers: {} });
  await channel.close();
  await until('it is logged', () => bridge.log.includes('a message is not a task of Girder'));
  assert.match(bridge.log, /"sha256":"[0-9a-f]{64}"/);
  await lab.drained();
});

test('a message at which the bridge has a defect is dropped after three tries', async ({ lab, bridge }) => {
  await lab.publish({ headers: { defect: true } });
  await until('it is dropped', () => bridge.log.includes('DockerRun failed at this task 3 times'), {
    withinMs: 30_000,
  });
  const taskId = await lab.publish({ job: await lab.job() });
  await lab.run(taskId);
});

test('without a queue for them, a task that is not ours ends its job with a sentence', async ({ lab }) => {
  const job = await lab.job();
  await lab.publish({ job, task: 'large_image_tasks.tasks.create_tiff' });
  await lab.jobIs(job, 4);
  assert.match(await logOf(job.jobId), /large_image_tasks\.tasks\.create_tiff.*bridge\.foreignQueue/);
});

test.run();
