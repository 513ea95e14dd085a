import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { progressPort, queueNameLabel } from '../../../src/api/names.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { SimulatedKubelet } from '../../fixtures/simulated-kubelet.ts';
import { until } from '../../fixtures/until.ts';
import { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';
import { startWorkloadControllers } from '../../fixtures/workload-controllers.ts';
import { ScriptedRun, failed, running, type Stage, succeeded } from '../../fixtures/scripted-run.ts';
import { ClusterRecord } from '../../fixtures/cluster-record.ts';

/** Suspensions that meet something else; the Jobs are those of the real Job controller. */
const test = suite<{ stack: AsyncDisposableStack; stage: Stage; proxy: ApiProxy }>('suspensions');

/** An address of the loopback network that no other test plays a pod at. */
const podIP = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}.5`;

/** Long enough for a machine that does much else. */
const patienceMs = 30_000;

const queue = { [queueNameLabel]: 'lab' };

test.before(async (context) => {
  const stack = new AsyncDisposableStack();
  context.stack = stack;
  const plane = stack.use(await startControlPlane());
  stack.use(startWorkloadControllers(plane));
  const { client } = plane;
  const kubelet = stack.use(new SimulatedKubelet(client));
  const record = stack.use(new ClusterRecord(client));
  stack.use(await WorkerEndpoint.listen(podIP, progressPort, running));
  context.stage = { client, kubelet, record, podIP };
  context.proxy = stack.use(await ApiProxy.start(plane));
  const kubeconfig = plane.kubeconfigFor(context.proxy.url);
  stack.use(await ControllerProcess.start(kubeconfig, { DOCKERRUN_LEADER_ELECTION: 'false' }));
});

test.after(({ stack }) => stack.disposeAsync());

async function aRunIn(stage: Stage, name: string): Promise<ScriptedRun> {
  await stage.client.create('/api/v1/namespaces', { metadata: { name } });
  return new ScriptedRun(stage, name);
}

test('a run that is suspended in its second attempt goes on, though the pod of the first is still there', async ({
  stage,
}) => {
  const run = await aRunIn(stage, 'retried');
  await run.apply({ backoffLimit: 2 });
  await run.podRuns(1);
  await run.podEnds(1, failed);
  await run.podRuns(2);
  await run.says('Running');
  await run.patch({ suspend: true });
  await run.says('Suspended');
  await run.patch({ suspend: false });
  await run.podRuns(3);
  await run.podEnds(3, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a run in a queue that is suspended and let go on at once gets a new Job', async ({ stage }) => {
  const run = await aRunIn(stage, 'hasty');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.says('Running');
  await run.patch({ suspend: true });
  await run.givesJobUp();
  await run.patch({ suspend: false });
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a run in a queue that goes on before its controller hears that the Job goes gets a new one', async ({
  stage,
  proxy,
}) => {
  const run = await aRunIn(stage, 'unheard');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.says('Running');
  const watches = proxy.watches('jobs');
  for (const watch of watches) watch.hold();
  await run.patch({ suspend: true });
  await run.givesJobUp();
  const asked = proxy.count('get', 'jobs');
  await run.patch({ suspend: false });
  const hasDecided = () => proxy.count('get', 'jobs') > asked || run.status['observedGeneration'] === 3;
  await until('the controller has looked at the run that goes on', hasDecided, { withinMs: patienceMs });
  for (const watch of watches) watch.release();
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test('a run in a queue that goes on while a quota leaves no room for its Job waits for room', async ({
  stage,
}) => {
  const { client } = stage;
  const run = await aRunIn(stage, 'crowded');
  await run.apply({}, queue);
  await run.podRuns(1);
  await run.says('Running');
  await run.patch({ suspend: true });
  await run.says('Suspended');
  const quotas = '/api/v1/namespaces/crowded/resourcequotas';
  const body = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'jobs' } };
  await client.create(quotas, { ...body, spec: { hard: { 'count/jobs.batch': '0' } } });
  await client.until(`${quotas}/jobs`, 'in force', {
    holds: (quota) => JSON.stringify(quota).includes('"used"'),
  });
  await run.patch({ suspend: false });
  await run.says('Resumed', 'exceeded quota');
  await client.merge(`${quotas}/jobs`, { spec: { hard: { 'count/jobs.batch': '5' } } });
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.ends();
  assert.is(run.status['phase'], 'Succeeded', run.message);
});

test.run();
