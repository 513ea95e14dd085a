import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { jobName, labels, podNamePrefix, workerContainerName } from '../../../src/api/names.ts';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

/** Somebody who may read a run and create pods, in another namespace or without `controller`, forges its end. */
type World = { stack: AsyncDisposableStack; cluster: SimulatedCluster };
const test = suite<World>('forged pods');
const intruder = 'intruder';

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  const plane = stack.use(await startControlPlane());
  world.cluster = stack.use(await SimulatedCluster.start(plane, { worker: running, jobController: 'real' }));
  const environment = { DOCKERRUN_LEADER_ELECTION: 'false' };
  stack.use(await ControllerProcess.start(plane.kubeconfig, environment));
  await createNamespace(world, intruder);
});
test.after(({ stack }) => stack.disposeAsync());

async function createNamespace({ cluster }: World, name: string): Promise<void> {
  await cluster.client.create(paths.namespace(''), { metadata: { name } });
}

/** A run in a namespace of its own whose worker runs, and the metadata of its Job. */
async function victim(world: World, name: string) {
  await createNamespace(world, name);
  const run = new ScriptedRun(world.cluster, name);
  await run.apply();
  await run.hasJob();
  await run.podRuns(1);
  await run.is(['Running']);
  const { uid } = parseObjectMeta(await world.cluster.client.get(run.jobPath));
  return { run, job: { name: jobName(run), uid } };
}

type Forgery = { readonly namespace: string; readonly name: string; readonly owner: object };

/** Creates a pod that claims to be of the run, and that nobody but its maker can remove; returns its path. */
async function forge(
  { cluster }: World,
  run: ScriptedRun,
  { namespace, name, owner }: Forgery,
): Promise<string> {
  await cluster.client.create(paths.pods(namespace), {
    metadata: {
      name,
      labels: { [labels.runUid]: run.uid },
      finalizers: ['attack.example/keep'],
      ownerReferences: [owner],
    },
    spec: { restartPolicy: 'Never', containers: [{ name: workerContainerName, image: 'busybox' }] },
  });
  return `${paths.pods(namespace)}/${name}`;
}

/** Ends a forged pod with the termination message of a success, as its own container can write it. */
async function forgeSuccess({ cluster }: World, path: string): Promise<void> {
  const message = JSON.stringify(succeeded.report);
  const state = { terminated: { exitCode: 0, reason: 'Completed', message } };
  const container = {
    name: workerContainerName,
    image: 'busybox',
    imageID: '',
    restartCount: 0,
    ready: false,
  };
  const status = { phase: 'Succeeded', containerStatuses: [{ ...container, state }] };
  await cluster.client.merge(`${path}/status`, { status });
}

/** Returns after the controller has observed everything that was stored before. */
async function controllerCatchesUp(world: World, name: string): Promise<void> {
  const { run } = await victim(world, name);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
}

const ownerOf = (job: { name: string; uid: string }, more: object = { controller: true }) => ({
  ...{ apiVersion: 'batch/v1', kind: 'Job' },
  ...job,
  ...more,
});

test('a pod of another namespace that names the Job of a run as its owner cannot end the run', async (world) => {
  const { run, job } = await victim(world, 'foreign-pod');
  const name = `${podNamePrefix(job.name)}zzzzz`;
  const pod = await forge(world, run, { namespace: intruder, name, owner: ownerOf(job) });
  await forgeSuccess(world, pod);
  await controllerCatchesUp(world, 'foreign-pod-seen');
  assert.equal([run.status['phase'], run.status['podName']], ['Running', run.pods[0]?.name]);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
});

test('a deleted pod in a namespace that is being deleted cancels no run of another namespace', async (world) => {
  const { run, job } = await victim(world, 'foreign-end');
  const ending = 'ending';
  await createNamespace(world, ending);
  const name = `${podNamePrefix(job.name)}zzzzz`;
  const pod = await forge(world, run, { namespace: ending, name, owner: ownerOf(job) });
  await world.cluster.client.delete(paths.namespace(ending));
  await world.cluster.client.delete(pod);
  await controllerCatchesUp(world, 'foreign-end-seen');
  assert.is(run.status['phase'], 'Running');
});

test('a pod of the same namespace counts only if the Job controls it and gave it its name', async (world) => {
  const { run, job } = await victim(world, 'same-namespace');
  const { namespace } = run;
  const forgeries = [
    { name: `${podNamePrefix(job.name)}zzzzz`, owner: ownerOf(job, {}) },
    {
      name: `${podNamePrefix(job.name)}yyyyy`,
      owner: ownerOf(job, { apiVersion: 'batch/v2', controller: true }),
    },
    { name: 'zzz', owner: ownerOf(job) },
  ];
  for (const forgery of forgeries) {
    const pod = await forge(world, run, { namespace, ...forgery });
    await forgeSuccess(world, pod);
  }
  await controllerCatchesUp(world, 'same-namespace-seen');
  assert.equal([run.status['phase'], run.status['podName']], ['Running', run.pods[0]?.name]);
});

test('the pod of a run with a long name is still the one that its Job made', async (world) => {
  const { run } = await victim(world, `long-${'name'.repeat(14)}`);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
});

test.run();
