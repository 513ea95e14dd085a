import type { V1Pod } from '@kubernetes/client-node';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { terminationMessage } from '../../../src/api/report.ts';
import { listAt, recordAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { apiNow as now } from '../../fixtures/api-time.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { type Injection, PodInjector } from '../../fixtures/pod-injector.ts';
import { failed, running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import type { WorkerEnd } from '../../fixtures/simulated-kubelet.ts';

/** Containers that a real webhook adds to pods, and what the real Job controller makes of how they end. */

type World = { stack: AsyncDisposableStack; cluster: SimulatedCluster };
const test = suite<World>('added containers');
const namespace = 'injected';

const mesh = { name: 'mesh', image: 'mesh' };
const beside: Injection = ({ spec }) => void spec?.containers.unshift(mesh);
const first: Injection = ({ spec }: V1Pod) => void (spec && (spec.initContainers = [mesh]));

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  const plane = stack.use(await startControlPlane());
  world.cluster = stack.use(await SimulatedCluster.start(plane, { jobController: 'real', worker: running }));
  const { client } = plane;
  await client.create('/api/v1/namespaces', { metadata: { name: namespace } });
  const injector = stack.use(
    await PodInjector.start({ endless: beside, retried: beside, failing: beside, init: first }),
  );
  const webhooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await client.create(webhooks, injector.configuration('injector', namespace));
  stack.use(await ControllerProcess.start(plane.kubeconfig, { DOCKERRUN_LEADER_ELECTION: 'false' }));
});
test.after(({ stack }) => stack.disposeAsync());

const container = (name: string, state: object) => ({
  ...{ name, image: name, imageID: '', restartCount: 0, ready: false },
  state,
});
const isRunning = { running: { startedAt: now() } };
const ended = (exitCode: number, message = '') => ({
  terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', message, finishedAt: now() },
});

function endOf(how: WorkerEnd, exitCode: number): object {
  assert.ok('report' in how);
  return ended(exitCode, terminationMessage(how.report));
}

/** Writes the status of the first pod of a run, as a kubelet does. */
async function withStatus({ cluster }: World, run: ScriptedRun, status: object): Promise<void> {
  const pod = `${paths.pods(namespace)}/${run.pods[0]?.name}`;
  // Later, the simulated kubelet's first status would replace this one.
  const holds = (stored: unknown) => listAt(recordAt(stored, 'status'), 'containerStatuses').length > 0;
  await cluster.client.until(pod, 'accepted by the kubelet', { holds });
  await cluster.client.merge(`${pod}/status`, { status });
}

async function aRun(world: World, name: string, spec: object = {}): Promise<ScriptedRun> {
  const run = new ScriptedRun(world.cluster, name, namespace);
  await run.apply(spec);
  await run.hasJob();
  await run.hasPod(1);
  return run;
}

test('a success beside a container that never ends is reported at once, and its Job is deleted later', async (world) => {
  const run = await aRun(world, 'endless');
  await run.podRuns(1);
  await run.is(['Running']);
  const containerStatuses = [container('mesh', isRunning), container('worker', endOf(succeeded, 0))];
  await withStatus(world, run, { phase: 'Running', containerStatuses });
  await run.is(['Succeeded']);
  await run.givesJobUp();
  await run.hasNoJob();
  assert.is(run.status['phase'], 'Succeeded');
  assert.is(run.pods.length, 1);
});

test('a container that fails after the worker has succeeded does not run the target again', async (world) => {
  const run = await aRun(world, 'failing', { backoffLimit: 2 });
  await run.podRuns(1);
  await run.is(['Running']);
  const containerStatuses = [container('mesh', ended(1)), container('worker', endOf(succeeded, 0))];
  await withStatus(world, run, { phase: 'Failed', containerStatuses });
  await run.is(['Succeeded']);
  const isFailed = (job: unknown) => JSON.stringify(job).includes('"type":"Failed"');
  await world.cluster.client.until(run.jobPath, 'failed', { holds: isFailed });
  assert.is(run.pods.length, 1, 'the Job has created no second pod');
  assert.is(run.status['phase'], 'Succeeded');
});

test('a failed attempt beside a container that never ends is retried', async (world) => {
  const run = await aRun(world, 'retried', { backoffLimit: 1 });
  await run.podRuns(1);
  await run.is(['Running']);
  const containerStatuses = [container('mesh', isRunning), container('worker', endOf(failed, 69))];
  await withStatus(world, run, { phase: 'Running', containerStatuses });
  await run.hasPod(2);
  await run.podRuns(2);
  await run.podEnds(2, succeeded);
  await run.is(['Succeeded']);
  assert.equal([run.status['attempts'], run.pods.length], [2, 2]);
});

test('an init container that fails uses up an attempt, and is the reason of the last one', async (world) => {
  const run = await aRun(world, 'init', { backoffLimit: 0 });
  const conditions = [
    { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', lastTransitionTime: now() },
  ];
  const waiting = { waiting: { reason: 'PodInitializing' } };
  await withStatus(world, run, {
    ...{ phase: 'Failed', conditions },
    initContainerStatuses: [container('mesh', ended(1, 'no route'))],
    containerStatuses: [container('worker', waiting)],
  });
  await run.is(['Failed']);
  assert.is(run.status['reason'], 'WorkerNotStarted');
  assert.match(run.message, 'init container mesh, which was added to the pod, ended with exit code 1');
});

test.run();
