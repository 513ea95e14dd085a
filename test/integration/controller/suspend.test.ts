import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { queueNameLabel } from '../../../src/api/names.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { until } from '../../fixtures/until.ts';
import { ScriptedRun, failed, running, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

/** Suspensions at the same time as other changes; the Jobs are those of the real Job controller. */
const test = suite<{ stack: AsyncDisposableStack; cluster: SimulatedCluster; proxy: ApiProxy }>(
  'suspensions',
);

/** Long enough for a busy machine. */
const patienceMs = 30_000;

const queue = { [queueNameLabel]: 'lab' };

test.before(async (context) => {
  const stack = new AsyncDisposableStack();
  context.stack = stack;
  const plane = stack.use(await startControlPlane());
  context.cluster = stack.use(
    await SimulatedCluster.start(plane, { jobController: 'real', worker: running }),
  );
  context.proxy = stack.use(await ApiProxy.start(plane));
  const kubeconfig = plane.kubeconfigFor(context.proxy.url);
  stack.use(await ControllerProcess.start(kubeconfig, { DOCKERRUN_LEADER_ELECTION: 'false' }));
});

test.after(({ stack }) => stack.disposeAsync());

async function aRunIn(cluster: SimulatedCluster, name: string): Promise<ScriptedRun> {
  await cluster.client.create('/api/v1/namespaces', { metadata: { name } });
  return new ScriptedRun(cluster, name);
}

test('a run that is suspended in its second attempt resumes, though the pod of the first still exists', async ({
  cluster,
}) => {
  const run = await aRunIn(cluster, 'retried');
  await run.apply({ backoffLimit: 2 });
  await run.podRuns(1);
  await run.podEnds(1, failed);
  await run.podRuns(2);
  await run.hasReason('Running');
  await run.patch({ suspend: true });
  await run.hasReason('Suspended');
  await run.patch({ suspend: false });
  await run.podRuns(3);
  await run.podEnds(3, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a queued run that is suspended and resumed at once gets a new Job', async ({ cluster }) => {
  const run = await aRunIn(cluster, 'hasty');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.hasReason('Running');
  await run.patch({ suspend: true });
  await run.givesJobUp();
  await run.patch({ suspend: false });
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a queued run that is resumed before its controller sees the Job deleted gets a new Job', async ({
  cluster,
  proxy,
}) => {
  const run = await aRunIn(cluster, 'job-deletion-unseen');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.hasReason('Running');
  const watches = proxy.watches('jobs');
  for (const watch of watches) watch.hold();
  await run.patch({ suspend: true });
  await run.givesJobUp();
  const asked = proxy.count('get', 'jobs');
  await run.patch({ suspend: false });
  const hasDecided = () => proxy.count('get', 'jobs') > asked || run.status['observedGeneration'] === 3;
  await until('the controller has reconciled the resumed run', hasDecided, { withinMs: patienceMs });
  for (const watch of watches) watch.release();
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a queued run that is resumed while a quota leaves no room for its Job waits for room', async ({
  cluster,
}) => {
  const { client } = cluster;
  const run = await aRunIn(cluster, 'crowded');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.hasReason('Running');
  await run.patch({ suspend: true });
  await run.hasReason('Suspended');
  const quotas = '/api/v1/namespaces/crowded/resourcequotas';
  const body = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'jobs' } };
  await client.create(quotas, { ...body, spec: { hard: { 'count/jobs.batch': '0' } } });
  await client.until(`${quotas}/jobs`, 'in force', {
    holds: (quota) => JSON.stringify(quota).includes('"used"'),
  });
  await run.patch({ suspend: false });
  await run.hasReason('Resumed', 'exceeded quota');
  await client.merge(`${quotas}/jobs`, { spec: { hard: { 'count/jobs.batch': '5' } } });
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test.run();
