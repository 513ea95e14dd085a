import * as assert from 'uvu/assert';
import { recordAt } from '../../../src/kube/json.ts';
import { type MadeJob, cancelJob, logOf, putJob, statesOf, storedJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';

const test = suite<{ lab: BridgeLab }>('jobs that the bridge follows');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  await context.lab.bridge();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

/** A task whose run exists, and whose job is RUNNING. */
async function aTask(lab: BridgeLab, headers: object = {}): Promise<{ job: MadeJob; taskId: string }> {
  const job = await lab.job();
  const taskId = await lab.publish({ job, headers: { ...headers } });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  return { job, taskId };
}

const cancelled = (run: unknown) => recordAt(run, 'spec')['cancel'] === true;
const marked = (run: unknown) => JSON.stringify(recordAt(run, 'metadata')).includes('bridge-reported');
const ended = (phase: string, message: string) => ({
  phase,
  reason: phase,
  message,
  completionTime: new Date().toISOString().replace(/\.\d+/, ''),
});

test('a cancel in Girder stops a run that has no worker yet, and the job ends', async ({ lab }) => {
  const { job, taskId } = await aTask(lab);
  await cancelJob(job.jobId);
  assert.is((await storedJob(job.jobId)).status, 824);
  await lab.plane.client.until(lab.pathOf(taskId), 'cancelled', { holds: cancelled });
  await lab.report(taskId, ended('Cancelled', 'The run was cancelled.'));
  await lab.jobIs(job, 5);
});

test('a run that fails before it has a worker ends its job, with the reason as the last line', async ({
  lab,
}) => {
  const { job, taskId } = await aTask(lab);
  await lab.report(
    taskId,
    ended('Failed', 'The DockerRunPolicy does not allow the image. Use an allowed image.'),
  );
  await lab.jobIs(job, 4);
  assert.ok(
    (await logOf(job.jobId)).endsWith(
      '\nThe DockerRunPolicy does not allow the image. Use an allowed image.\n',
    ),
  );
  await lab.plane.client.until(lab.pathOf(taskId), 'marked as reported', { holds: marked });
});

test('what a run waits for is in the log of its job, each reason once', async ({ lab }) => {
  const { job, taskId } = await aTask(lab);
  const waiting = (message: string) => lab.report(taskId, { phase: 'Pending', reason: 'Pending', message });
  await waiting('0/3 nodes are available: 3 Insufficient memory.');
  const log = () => logOf(job.jobId);
  await until('the first', log, {
    holds: (text) => text.includes('0/3 nodes are available'),
    withinMs: 30_000,
  });
  await waiting('0/4 nodes are available: 4 Insufficient memory.');
  await waiting('The pod cannot be created: exceeded quota.');
  await until('the next', log, { holds: (text) => text.includes('exceeded quota'), withinMs: 30_000 });
  assert.is((await log()).match(/nodes are available/g)?.length, 1);
});

test('a job that slicer_cli_web sets back is RUNNING again, with its log', async ({ lab }) => {
  const { job } = await aTask(lab);
  await lab.setBack(job);
  await lab.jobIs(job, 2);
  assert.match(await logOf(job.jobId), /Runs on Kubernetes as the DockerRun/);
});

test('a run that is deleted ends its job, although its Secret is gone', async ({ lab }) => {
  const { job, taskId } = await aTask(lab);
  await lab.plane.client.delete(lab.secretOf(taskId));
  await lab.plane.client.delete(lab.pathOf(taskId));
  await lab.jobIs(job, 5);
  assert.match(await logOf(job.jobId), /The DockerRun default\/girder-.* was deleted\.\n$/);
});

test('a run whose worker has reported the end gets no line of the bridge', async ({ lab }) => {
  const { job, taskId } = await aTask(lab);
  await lab.report(taskId, { phase: 'Running', reason: 'Running', message: 'Running.', attempts: 1 });
  await putJob(job, { log: 'done\n', status: '3' });
  await lab.report(taskId, { ...ended('Succeeded', 'All results are in Girder.'), attempts: 1 });
  await lab.plane.client.until(lab.pathOf(taskId), 'marked as reported', { holds: marked, withinMs: 60_000 });
  assert.match(await logOf(job.jobId), /done\n$/);
  assert.equal(await statesOf(job.jobId), [2, 3]);
});

test('a lost worker whose cleanup cannot report either ends its job', async ({ lab }) => {
  const { job, taskId } = await aTask(lab);
  await lab.report(taskId, { phase: 'Running', reason: 'Running', message: 'Running.', attempts: 1 });
  await lab.report(taskId, { ...ended('Failed', 'The node was lost.'), reason: 'WorkerLost', attempts: 1 });
  await lab.jobIs(job, 4, 60_000);
  assert.match(await logOf(job.jobId), /The node was lost\.\n$/);
});

test('a task with an eta is suspended until then', async ({ lab }) => {
  const eta = new Date(Date.now() + 15_000).toISOString();
  const { job, taskId } = await aTask(lab, { eta });
  await lab.run(taskId);
  const run = await lab.plane.client.until(lab.pathOf(taskId), 'resumed', {
    holds: (seen) => recordAt(seen, 'spec')['suspend'] === false,
    withinMs: 60_000,
  });
  assert.is(recordAt(run, 'metadata')['generation'], 2, 'it was created suspended');
  assert.ok(Date.now() >= Date.parse(eta) - 1_000);
  assert.match(await logOf(job.jobId), /It starts at 20.*\(eta\)/);
});

test('a Secret that is not the run’s own is not sent to Girder', async ({ lab }) => {
  const name = 'girder-somebody-else';
  await lab.plane.client.create('/api/v1/namespaces/default/secrets', {
    metadata: { name },
    stringData: { jobToken: 'a-secret-of-somebody-else' },
  });
  const { jobId } = await lab.job();
  const girder = { apiUrl: 'http://x.invalid/api/v1', credentialsSecretRef: { name } };
  await lab.plane.client.create('/apis/dockerrun.dev/v1alpha1/namespaces/default/dockerruns', {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name, labels: { 'dockerrun.dev/bridge': 'true' } },
    spec: {
      image: 'busybox:1.36',
      girder: { ...girder, job: { id: jobId, tokenSecretRef: { name, key: 'jobToken' } } },
    },
  });
  const { job } = await aTask(lab);
  await lab.jobIs(job, 2);
  assert.is((await storedJob(jobId)).status, 0);
});

test.run();
