import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { listAt, numberAt, parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { ScriptedRun } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';

/** Ends of runs that could fail to be reported or to be kept. */
type World = { stack: AsyncDisposableStack; cluster: SimulatedCluster; proxy: ApiProxy };
const test = suite<World>('ended runs');
const namespace = 'default';

const running: Report = { phase: 'Running', progress: { message: 'The target is running.' } };
const succeeded: Report = { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' };

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  const plane = stack.use(await startControlPlane());
  world.proxy = stack.use(await ApiProxy.start(plane));
  world.cluster = stack.use(await SimulatedCluster.start(plane, { worker: running }));
  const environment = { DOCKERRUN_LEADER_ELECTION: 'false' };
  stack.use(await ControllerProcess.start(plane.kubeconfigFor(world.proxy.url), environment));
});
test.after(({ stack }) => stack.disposeAsync());

const statusOf = (run: unknown) => recordAt(run, 'status');

/** A run that ended with this termination message. */
async function endedRun(
  { cluster }: World,
  name: string,
  { report = succeeded, spec = {} } = {},
): Promise<ScriptedRun> {
  const run = new ScriptedRun(cluster, name, namespace);
  await run.apply(spec);
  await run.hasJob();
  await run.podRuns(1);
  await run.is(['Running']);
  await run.podEnds(1, { report });
  await run.is(['Succeeded']);
  return run;
}

const names = ['It\u0092s.txt', 'a\u007fb', 'b\u0085c', 'c\u2028', 'd\ufeff', 'e\ufffe', '😀', 'f"\\\n: g'];
const results = names.map((name, index) => ({
  ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name, size: 1, sha256: '0'.repeat(64) },
}));

test('a run ends with any characters in the names of its results, and keeps the names unchanged', async (world) => {
  const run = await endedRun(world, 'odd-names', { report: { ...succeeded, results } });
  assert.equal(
    listAt(run.status, 'results').map((result) => textAt(result, 'name')),
    names,
  );
});

test('an ended run keeps its whole status when its time to live is changed', async (world) => {
  const { client } = world.cluster;
  const report = { ...succeeded, results, resultCount: 1000 };
  const { path, status: end } = await endedRun(world, 'kept', { report });
  assert.is(end['resultCount'], 1000);
  const reads = world.proxy.count('get', 'dockerruns');
  assert.ok(reads > 0, 'a run is read before its Job is created');
  await client.merge(path, { spec: { ttlSecondsAfterFinished: 86_400 } });
  const isObserved = (run: unknown) =>
    numberAt(statusOf(run), 'observedGeneration') === numberAt(recordAt(run, 'metadata'), 'generation');
  const after = statusOf(await client.until(path, 'updated for the new spec', { holds: isObserved }));
  assert.is(after['observedGeneration'], 2);
  const withoutGeneration = (status: Record<string, unknown>) => ({
    ...status,
    observedGeneration: undefined,
    conditions: listAt(status, 'conditions').map((one) => ({
      ...recordAt({ one }, 'one'),
      observedGeneration: 0,
    })),
  });
  assert.equal(withoutGeneration(after), withoutGeneration(end));
  assert.is(world.proxy.count('get', 'dockerruns'), reads, 'the cache has all of it');
});

test('a longer time to live counts even before the watch reports it', async (world) => {
  const { client } = world.cluster;
  const spec = { ttlSecondsAfterFinished: 12 };
  const { path } = await endedRun(world, 'given-time', { spec });
  const stored = Number(parseObjectMeta(await client.get(path)).resourceVersion);
  const watches = world.proxy.watches('dockerruns');
  await until('the controller has seen the end of the run', () =>
    watches.every(({ version }) => version >= stored),
  );
  for (const watch of watches) watch.dropNext();
  await client.merge(path, { spec: { ttlSecondsAfterFinished: 86_400 } });
  // It ends later, so it is deleted later than the first run would be.
  const next = await endedRun(world, 'without-more-time', { spec });
  await next.isRemoved();
  assert.is(textAt(statusOf(await client.get(path)), 'phase'), 'Succeeded');
});

test('a run that waits for its pod can be cancelled while Events cannot be read', async (world) => {
  const run = new ScriptedRun(world.cluster, 'no-events', namespace);
  await run.apply();
  world.proxy.fail('list', 'events', { status: 500, reason: 'InternalError' }, 1_000);
  await until('Events are asked for', () => world.proxy.count('list', 'events', 500) > 0, {
    withinMs: 30_000,
  });
  await run.patch({ cancel: true });
  await run.hasReason('Cancelling');
});

test.run();
