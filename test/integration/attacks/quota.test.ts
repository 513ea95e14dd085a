import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { listCounts, moreThan, writeCounts } from '../../fixtures/api-counts.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { recordObservation } from '../../fixtures/reliability-page.ts';
import { running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';

/** Many runs of one namespace wait behind its quota, for ever. */
type World = { stack: AsyncDisposableStack; cluster: SimulatedCluster; metricsPort: number };
const test = suite<World>('runs behind a quota');
const count = 1_000;

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  const plane = stack.use(await startControlPlane());
  world.cluster = stack.use(await SimulatedCluster.start(plane, { worker: running, jobController: 'real' }));
  [world.metricsPort = 0] = await freePorts(1);
  const environment = {
    ...{ DOCKERRUN_METRICS_PORT: String(world.metricsPort), DOCKERRUN_LEADER_ELECTION: 'false' },
  };
  stack.use(await ControllerProcess.start(plane.kubeconfig, environment));
});
test.after(({ stack }) => stack.disposeAsync());

/** Creates a namespace with a quota, and waits until the API server enforces it. */
async function namespaceWith(
  { cluster }: World,
  name: string,
  hard: Record<string, string>,
): Promise<string> {
  const { client } = cluster;
  await client.create(paths.namespace(''), { metadata: { name } });
  if (Object.keys(hard).length === 0) return name;
  const quotas = `${paths.namespace(name)}/resourcequotas`;
  await client.create(quotas, { metadata: { name: 'few' }, spec: { hard } });
  const isObserved = (quota: unknown) => Object.keys(recordAt(recordAt(quota, 'status'), 'hard')).length > 0;
  await client.until(`${quotas}/few`, 'observed', { holds: isObserved });
  return name;
}

async function createRuns({ cluster }: World, namespace: string, number: number): Promise<void> {
  const left = Array.from({ length: number }, (_, index) => `run-${String(index).padStart(4, '0')}`);
  const create = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const body = { apiVersion, kind, metadata: { name }, spec: { image: 'busybox', args: ['true'] } };
      await cluster.client.create(paths.dockerRuns(namespace), body);
    }
  };
  await Promise.all(Array.from({ length: 20 }, create));
}

/** The names of the runs whose message does not say that a quota refuses their object. */
async function notRefused({ cluster }: World, namespace: string): Promise<string[]> {
  const runs = await cluster.client.list(paths.dockerRuns(namespace));
  const isRefused = (run: unknown) => textAt(recordAt(run, 'status'), 'message')?.includes('exceeded quota');
  return runs.filter((run) => !isRefused(run)).map((run) => textAt(recordAt(run, 'metadata'), 'name') ?? '');
}

/** A run of another namespace, from its creation to its Job and to its end. */
async function hello(world: World, name: string): Promise<void> {
  await namespaceWith(world, name, {});
  const run = new ScriptedRun(world.cluster, name);
  await run.apply();
  await run.hasJob(3_000);
  await run.podRuns(1);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
}

test('a thousand runs whose pods a quota refuses cost a few lists a minute, and a run elsewhere has its Job in 3 s', async (world) => {
  const { client } = world.cluster;
  const namespace = await namespaceWith(world, 'no-pods', { pods: '0' });
  await createRuns(world, namespace, count);
  // The Job controller writes the thousandth Event a minute after the first, and later on a busy machine.
  await until('no run is left that does not say why it waits', () => notRefused(world, namespace), {
    ...{ withinMs: 480_000, everyMs: 2_000 },
    holds: ({ length }) => length === 0,
  });
  const before = await listCounts(client);
  const reconcilesBefore = (await Scrape.of(world.metricsPort)).sum('controller_runtime_reconcile_total');
  await hello(world, 'hello-pods');
  // Every run is looked at again at least once.
  await Scrape.until(world.metricsPort, 'the runs are reconciled again', {
    ...{ withinMs: 90_000, everyMs: 1_000 },
    holds: (scrape) => scrape.sum('controller_runtime_reconcile_total') - reconcilesBefore >= count,
  });
  const lists = moreThan(before, await listCounts(client))['LIST events'] ?? 0;
  console.log(`${lists} lists of Events while ${count} waiting runs were reconciled`);
  assert.ok(lists <= 20, `${lists} lists`);
  recordObservation({
    fault: '1,000 runs wait behind a quota of their namespace, and a run of another namespace starts',
    seen: 'Pending with the refusal of the quota; the other run has its Job within 3 s, and succeeds',
    left: 'at most 20 lists of Events while all waiting runs are reconciled',
  });
});

test('three hundred runs whose Jobs a quota refuses ask one at a time, and all start when there is room', async (world) => {
  const { client } = world.cluster;
  const namespace = await namespaceWith(world, 'few-jobs', { 'count/jobs.batch': '2' });
  const jobs = async () => (await client.list(paths.jobs(namespace))).length;
  await createRuns(world, namespace, 300);
  await until('two runs have a Job, and the others say why not', () => notRefused(world, namespace), {
    ...{ withinMs: 240_000, everyMs: 1_000 },
    holds: ({ length }) => length === 2,
  });
  const before = await writeCounts(client);
  const reconcilesBefore = (await Scrape.of(world.metricsPort)).sum('controller_runtime_reconcile_total');
  await hello(world, 'hello-jobs');
  await Scrape.until(world.metricsPort, 'the runs are reconciled again', {
    ...{ withinMs: 90_000, everyMs: 1_000 },
    holds: (scrape) => scrape.sum('controller_runtime_reconcile_total') - reconcilesBefore >= 1_300,
  });
  const posts = moreThan(before, await writeCounts(client))['POST jobs'] ?? 0;
  console.log(`${posts} Jobs requested while 300 waiting runs were reconciled`);
  assert.ok(posts <= 60, `${posts} requests`);
  assert.is(await jobs(), 2);
  await client.merge(`${paths.namespace(namespace)}/resourcequotas/few`, {
    spec: { hard: { 'count/jobs.batch': '1000' } },
  });
  await until('all runs have their Jobs', jobs, {
    ...{ withinMs: 120_000, everyMs: 500 },
    holds: (found) => found === 300,
  });
});

test.run();
