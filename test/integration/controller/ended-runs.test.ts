import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apiVersion, kind, progressPort } from '../../../src/api/names.ts';
import type { Report } from '../../../src/api/report.ts';
import { paths } from '../../../src/kube/resources.ts';
import { listAt, numberAt, parseObjectMeta, recordAt, textAt } from '../../../src/kube/wire.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { SimulatedJob } from '../../fixtures/simulated-job.ts';
import { until } from '../../fixtures/until.ts';
import { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';

/** Ends of runs that something keeps from being told, or from being kept. */
type World = { stack: AsyncDisposableStack; plane: ControlPlane; proxy: ApiProxy };
const test = suite<World>('ended runs');
const namespace = 'default';

/** An address of the loopback network that no other test plays a pod at. */
const podAddress = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}.4`;

const running: Report = { phase: 'Running', progress: { message: 'The target runs.' } };
const succeeded: Report = { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' };

test.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  world.plane = stack.use(await startControlPlane());
  world.proxy = stack.use(await ApiProxy.start(world.plane));
  const environment = { DOCKERRUN_LEADER_ELECTION: 'false' };
  stack.use(await ControllerProcess.start(world.plane.kubeconfigFor(world.proxy.url), environment));
  stack.use(await WorkerEndpoint.listen(podAddress, progressPort, running));
});
test.after(({ stack }) => stack.disposeAsync());

async function createRun({ plane: { client } }: World, name: string, more: object = {}) {
  const body = { apiVersion, kind, metadata: { name }, spec: { image: 'busybox', ...more } };
  const { uid } = parseObjectMeta(await client.create(paths.dockerRuns(namespace), body));
  return { namespace, name, uid, path: `${paths.dockerRuns(namespace)}/${name}` };
}

const statusOf = (run: unknown) => recordAt(run, 'status');
const phaseIs = (phase: string) => (run: unknown) => textAt(statusOf(run), 'phase') === phase;

/** A run that has ended with this word. */
async function endedRun(world: World, name: string, { word = succeeded, spec = {} } = {}) {
  const { client } = world.plane;
  const run = await createRun(world, name, spec);
  const job = new SimulatedJob(client, run);
  await job.start(podAddress);
  await client.until(run.path, 'running', { holds: phaseIs('Running') });
  await job.succeed(JSON.stringify(word));
  return { ...run, end: await client.until(run.path, 'at its end', { holds: phaseIs('Succeeded') }) };
}

const names = ['It\u0092s.txt', 'a\u007fb', 'b\u0085c', 'c\u2028', 'd\ufeff', 'e\ufffe', '😀', 'f"\\\n: g'];
const results = names.map((name, index) => ({
  ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name, size: 1, sha256: '0'.repeat(64) },
}));

test('a run ends whatever characters its results have in their names, and these stand as they are', async (world) => {
  const { end } = await endedRun(world, 'odd-names', { word: { ...succeeded, results } });
  assert.equal(
    listAt(statusOf(end), 'results').map((result) => textAt(result, 'name')),
    names,
  );
});

test('a run that has ended keeps all that its status says when its time to live is changed', async (world) => {
  const { client } = world.plane;
  const { path, end } = await endedRun(world, 'kept', { word: { ...succeeded, results } });
  await client.merge(path, { spec: { ttlSecondsAfterFinished: 86_400 } });
  const isTold = (run: unknown) =>
    numberAt(statusOf(run), 'observedGeneration') === numberAt(recordAt(run, 'metadata'), 'generation');
  const after = statusOf(await client.until(path, 'told of the new spec', { holds: isTold }));
  assert.is(after['observedGeneration'], 2);
  const withoutGeneration = (status: Record<string, unknown>) => ({
    ...status,
    observedGeneration: undefined,
    conditions: listAt(status, 'conditions').map((one) => ({
      ...recordAt({ one }, 'one'),
      observedGeneration: 0,
    })),
  });
  assert.equal(withoutGeneration(after), withoutGeneration(statusOf(end)));
});

test('more time that a user has given to a run counts, though no watch has told of it yet', async (world) => {
  const { client } = world.plane;
  const { path } = await endedRun(world, 'given-time', { spec: { ttlSecondsAfterFinished: 12 } });
  await sleep(1_000);
  for (const watch of world.proxy.watches('dockerruns')) watch.dropNext();
  await client.merge(path, { spec: { ttlSecondsAfterFinished: 86_400 } });
  await sleep(14_000);
  assert.is(textAt(statusOf(await client.get(path)), 'phase'), 'Succeeded');
});

test('a run that waits for its pod can be stopped while Events cannot be read', async (world) => {
  const { client } = world.plane;
  const { path } = await createRun(world, 'deaf');
  world.proxy.fail('list', 'events', { status: 500, reason: 'InternalError' }, 1_000);
  await until('Events are asked for', () => world.proxy.count('list', 'events', 500) > 0, {
    withinMs: 30_000,
  });
  await client.merge(path, { spec: { cancel: true } });
  await client.until(path, 'being cancelled', {
    holds: (run) => textAt(statusOf(run), 'reason') === 'Cancelling',
  });
});

test.run();
