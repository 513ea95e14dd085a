import * as assert from 'uvu/assert';
import { apiVersion, labels, policyKind, policyName } from '../../../src/api/names.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { gitOpsHealthOf } from '../../fixtures/gitops-health.ts';
import { type SetRow, setRows } from '../../fixtures/gitops-page.ts';
import { running } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { minimalSet, SimulatedSet } from '../../fixtures/simulated-set.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';

/** Sets with a real API server, Job controller and garbage collector; planners and workers are scripted. */
const test = suite<{
  stack: AsyncDisposableStack;
  cluster: SimulatedCluster;
  controller: ControllerProcess;
  kubeconfig: string;
}>('sets');

const alone = { DOCKERRUN_LEADER_ELECTION: 'false' };

test.before(async (context) => {
  const stack = new AsyncDisposableStack();
  context.stack = stack;
  const plane = stack.use(await startControlPlane());
  context.cluster = stack.use(
    await SimulatedCluster.start(plane, { jobController: 'real', worker: running }),
  );
  context.kubeconfig = plane.kubeconfig;
  context.controller = await ControllerProcess.start(plane.kubeconfig, alone);
});

test.after(async ({ stack, controller }) => {
  await controller[Symbol.asyncDispose]();
  await stack.disposeAsync();
});

/** The state of a set by its conditions and by the tools, in the form of a row of docs/gitops.md. */
async function rowOf(cluster: SimulatedCluster, set: SimulatedSet): Promise<SetRow> {
  const stored = await cluster.client.get(set.path);
  const [health] = await gitOpsHealthOf([stored], 'DockerRunSet');
  const met = listAt(recordAt(stored, 'status'), 'conditions').filter((one) => {
    return textAt(one, 'type') !== 'Accepted' && textAt(one, 'status') === 'True';
  });
  const conditions = met.flatMap((one) => textAt(one, 'type') ?? []).toSorted();
  return { conditions, kstatus: health?.kstatus.status ?? '', argo: health?.argo.status ?? '' };
}

const conditionOf = (status: Record<string, unknown>, type: string) =>
  listAt(status, 'conditions').find((one) => textAt(one, 'type') === type);

test('a set runs its inputs in chunks, and is complete when a pass finds nothing to do', async ({
  cluster,
}) => {
  await using set = await SimulatedSet.create(cluster, 'whole', 7);
  await set.apply({ parallelism: 2, canary: 1, chunk: { items: 3, seconds: 900 } });
  let mostLive = 0;
  await set.until('is complete', async (status) => {
    const chunks = await set.chunks();
    const live = chunks.filter((chunk) => textAt(recordAt(chunk, 'status'), 'completionTime') === undefined);
    mostLive = Math.max(mostLive, live.length);
    return status['phase'] === 'Complete';
  });
  const status = await set.status();
  assert.equal(status['items'], {
    seen: 7,
    done: 7,
    waiting: 0,
    running: 0,
    failed: 0,
    excluded: 0,
    gone: 0,
  });
  assert.is(status['summary'], '7/7');
  assert.is(recordAt(status, 'pass')['number'], 2);
  assert.is(set.worked.length, 3, 'a canary of one input, then two chunks of three');
  assert.ok(mostLive <= 2, `${mostLive} chunks at once`);
  await set.until('has no planner and no chunk', async () => {
    const jobs = await cluster.client.list(paths.jobs(set.name), labels.setUid);
    return jobs.length === 0 && (await set.chunks()).length === 0;
  });
  const events = await cluster.client.list(paths.events(set.name));
  const reasons = events
    .filter((event) => textAt(recordAt(event, 'involvedObject'), 'kind') === 'DockerRunSet')
    .map((event) => textAt(event, 'reason'));
  assert.equal(reasons, ['Complete']);
  assert.equal(await rowOf(cluster, set), setRows.get('Complete'));
});

test('the tools read from a set with a watch that it is at work, and that it is idle', async ({
  cluster,
}) => {
  await using set = await SimulatedSet.create(cluster, 'watching', 2);
  await set.apply({ canary: 0, watch: { every: '1h' } });
  await set.untilWithoutWork('processes its inputs', ({ phase }) => phase === 'Processing');
  assert.equal(await rowOf(cluster, set), setRows.get('Listing, Canary, Processing'));
  await set.until('is idle', ({ phase }) => phase === 'Idle');
  assert.equal(await rowOf(cluster, set), setRows.get('Idle'));
});

test('a controller that is killed in the middle of a pass starts no input twice', async (context) => {
  const { cluster, kubeconfig } = context;
  await using set = await SimulatedSet.create(cluster, 'killed', 12);
  await set.apply({ parallelism: 3, canary: 0, chunk: { items: 2, seconds: 900 } });
  await set.until('has run a chunk', () => set.worked.length > 0);
  await context.controller.kill();
  context.controller = await ControllerProcess.start(kubeconfig, alone);
  await set.until('is complete', ({ phase }) => phase === 'Complete');
  assert.is(new Set(set.worked).size, set.worked.length, 'no chunk ran twice');
  assert.is(set.worked.length, 6);
  assert.is(set.planner.planners, 2, 'one planner for each pass');
});

test('a cancelled set cancels its chunks and ends', async ({ cluster }) => {
  await using set = await SimulatedSet.create(cluster, 'cancelled', 5);
  await set.apply({ canary: 0, parallelism: 1, chunk: { items: 2, seconds: 900 } });
  await set.untilWithoutWork('has a chunk', async () => (await set.chunks()).length > 0);
  await cluster.client.merge(set.path, { spec: { cancel: true } });
  await set.untilWithoutWork('is cancelled', ({ phase }) => phase === 'Cancelled');
  const status = await set.status();
  assert.is(textAt(conditionOf(status, 'Stalled'), 'reason'), 'Cancelled');
  assert.equal(await rowOf(cluster, set), setRows.get('Cancelled'));
  for (const chunk of await set.chunks()) assert.is(textAt(recordAt(chunk, 'status'), 'phase'), 'Cancelled');
});

test('a suspended set starts nothing until it is resumed', async ({ cluster }) => {
  await using set = await SimulatedSet.create(cluster, 'suspended', 2);
  await set.apply({ suspend: true });
  await set.until('is paused', ({ phase }) => phase === 'Paused');
  assert.equal(await set.chunks(), []);
  assert.equal(await rowOf(cluster, set), setRows.get('Paused by suspend, or in Girder'));
  await cluster.client.merge(set.path, { spec: { suspend: false } });
  await set.until('is complete', ({ phase }) => phase === 'Complete');
});

test('girderLimits bounds the chunks of all sets that use one Girder, however many start at once', async ({
  cluster,
  controller,
}) => {
  const { client } = cluster;
  const maxRuns = 2;
  const { apiUrl } = minimalSet.girder;
  const metadata = { name: policyName };
  const spec = { girderLimits: [{ apiUrl: `${apiUrl}/`, maxRuns }] };
  await client.create(paths.policies(), { apiVersion, kind: policyKind, metadata, spec });
  const isKnown = () => controller.log.some(({ msg }) => msg === 'policy added, updated or deleted');
  await until('the controller knows the policy', isKnown, { withinMs: 30_000 });
  await using stack = new AsyncDisposableStack();
  const sets = await Promise.all(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => SimulatedSet.create(cluster, `bounded-${name}`, 3)),
  );
  for (const set of sets) stack.use(set);
  // In one list, which is of one moment.
  const live = async () => {
    const runs = await client.list(paths.dockerRuns());
    const own = runs.filter((run) => textAt(recordAt(run, 'metadata'), 'namespace')?.startsWith('bounded-'));
    return own.filter((run) => textAt(recordAt(run, 'status'), 'completionTime') === undefined).length;
  };
  await Promise.all(sets.map((set) => set.apply({ canary: 0, chunk: { items: 1, seconds: 900 } })));
  const hasListed = ({ items }: Record<string, unknown>) => recordAt({ items }, 'items')['seen'] === 3;
  await Promise.all(sets.map((set) => set.untilWithoutWork('has listed', hasListed)));
  await until('as many chunks run as may', live, { holds: (now) => now >= maxRuns, withinMs: 60_000 });
  assert.is(await live(), maxRuns);
  let most = 0;
  const isComplete = async ({ phase }: Record<string, unknown>) => {
    most = Math.max(most, await live());
    return phase === 'Complete';
  };
  await Promise.all(sets.map((set) => set.until('is complete', isComplete)));
  assert.ok(most <= maxRuns, `${most} chunks at once`);
  await client.delete(`${paths.policies()}/${policyName}`);
});

test('a template that contradicts itself is refused with the path of the field', async ({ cluster }) => {
  await using set = await SimulatedSet.create(cluster, 'refused', 1);
  const template = { spec: { image: 'busybox', args: ['$(missing)'] } };
  await set.apply({ template });
  await set.until('is refused', (status) => textAt(conditionOf(status, 'Accepted'), 'status') === 'False');
  const message = textAt(await set.status(), 'message') ?? '';
  assert.match(message, /^spec\.template\.spec\.args\[0\]: \$\(missing\)/);
  assert.equal(await rowOf(cluster, set), setRows.get('Paused because it was refused, or by its failures'));
  await cluster.client.merge(set.path, { spec: { template: minimalSet.template } });
  await set.until('is complete', ({ phase }) => phase === 'Complete');
});

test('the folders of a set cannot change, nor can it be cancelled only for a while', async ({ cluster }) => {
  await using set = await SimulatedSet.create(cluster, 'fixed', 0);
  await set.apply({ cancel: true });
  const change = async (spec: object) => {
    const refusal: unknown = await cluster.client.merge(set.path, { spec }).then(() => undefined, String);
    return typeof refusal === 'string' ? refusal : '';
  };
  assert.match(
    await change({ source: { folder: { path: '/collection/Other' } } }),
    /cannot change: delete the set/,
  );
  assert.match(await change({ cancel: false }), /cannot be unset: delete the set/);
  assert.is(await change({ parallelism: 3 }), '');
});

test.run();
