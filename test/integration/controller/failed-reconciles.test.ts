import { pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { Controller } from '../../../src/controller/controller.ts';
import { decide } from '../../../src/controller/decide/decide.ts';
import { createMetrics } from '../../../src/controller/metrics/instruments.ts';
import { observeWatches } from '../../../src/controller/metrics/kube-metrics.ts';
import { areSynced, ClusterCaches } from '../../../src/controller/observe/caches.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { aborted } from '../../../src/support/abort.ts';
import { workerConfig } from '../../fixtures/builders.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { running, ScriptedRun } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';

/** Runs on which the controller fails: by a defect in its decision, or because the API server refuses a request. */

type World = { plane: ControlPlane; cluster: SimulatedCluster; stack: AsyncDisposableStack };
const test = suite<World>('failed reconciles');

test.before(async (world) => {
  world.stack = new AsyncDisposableStack();
  world.plane = world.stack.use(await startControlPlane());
  world.cluster = world.stack.use(await SimulatedCluster.start(world.plane, { worker: running }));
});
test.after(({ stack }) => stack.disposeAsync());

type Line = { readonly level: number; readonly msg: string; readonly dockerRun?: string };

/** The controller in this process, whose decisions on the runs in `defective` throw. */
class DefectiveController implements AsyncDisposable {
  readonly defective = new Set<string>();
  readonly lines: Line[] = [];
  readonly metrics = createMetrics(16);
  readonly #stop = new AbortController();
  #controller: Controller | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  static async start(plane: ControlPlane): Promise<DefectiveController> {
    const made = new DefectiveController();
    const { signal } = made.#stop;
    const connection = plane.connect();
    const log = pino(
      { level: 'info' },
      { write: (line: string) => made.lines.push(JSON.parse(line) as Line) },
    );
    const cluster = new ClusterCaches({
      ...{ connection, log, observers: observeWatches(made.metrics).observers },
      onRun: (key) => made.#controller?.add(key),
      onJobDeleted: () => undefined,
      onPod: (pod) => made.#controller?.podChanged(pod),
    });
    const failing: typeof decide = (observed, now, settings) => {
      if (made.defective.has(observed.run.metadata.name)) throw new RangeError('Invalid time value');
      return decide(observed, now, settings);
    };
    made.#ended = Promise.all(Object.values(cluster.caches).map((cache) => cache.run(signal)));
    await until('the caches are filled', () => areSynced(cluster.caches), { withinMs: 30_000 });
    made.#controller = new Controller({
      ...{ connection, cluster, log, signal, metrics: made.metrics, decide: failing },
      ...{ worker: workerConfig, policy: () => ({}) },
    });
    return made;
  }

  async value(series: string): Promise<number> {
    const line = (await this.metrics.text()).split('\n').find((one) => one.startsWith(`${series}{`));
    return Number(line?.split(' ').at(-1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller?.stop();
    this.#stop.abort();
    await Promise.all([this.#ended, aborted(this.#stop.signal)]);
  }
}

async function aRunIn(cluster: SimulatedCluster, name: string): Promise<ScriptedRun> {
  await cluster.client.create('/api/v1/namespaces', { metadata: { name } });
  return new ScriptedRun(cluster, name);
}

const conditionOf = (run: ScriptedRun, type: string) =>
  recordAt({ found: listAt(run.status, 'conditions').find((one) => textAt(one, 'type') === type) }, 'found');

const panics = 'controller_runtime_reconcile_panics_total';
const eventsOf = async ({ cluster }: World, { namespace }: ScriptedRun) => {
  const events = await cluster.client.list(paths.events(namespace));
  return events.map((event) => `${textAt(event, 'type')} ${textAt(event, 'reason')}`);
};

test('a run whose decision throws shows it, waits longer each time, and continues when the defect is gone', async (world) => {
  const { plane, cluster } = world;
  await using controller = await DefectiveController.start(plane);
  controller.defective.add('broken');
  const broken = await aRunIn(cluster, 'broken');
  await broken.apply();
  await broken.hasReason('ControllerFailed', 'Invalid time value. Ask your cluster administrator');
  assert.is(broken.status['phase'], 'Pending');
  assert.is(conditionOf(broken, 'Reconciling')['reason'], 'ControllerFailed');
  assert.is(conditionOf(broken, 'Accepted')['status'], 'Unknown');

  const others = Array.from({ length: 20 }, (_, index) => new ScriptedRun(cluster, `run-${index}`, 'broken'));
  await Promise.all(others.map((run) => run.apply()));
  await Promise.all(others.map((run) => run.hasJob()));
  await until('it was tried five times', () => controller.value(panics), { holds: (count) => count >= 5 });
  const failures = controller.lines.filter(
    ({ level, dockerRun }) => level === 50 && dockerRun === 'broken/broken',
  );
  assert.ok(failures.length >= 5 && failures.length <= 9, `${failures.length} lines`);
  const writes = cluster.record.statesOf(broken.uid).length;
  assert.ok(writes <= 3, `the run was written ${writes} times`);
  assert.equal(
    (await eventsOf(world, broken)).filter((event) => event.endsWith('ControllerFailed')),
    ['Warning ControllerFailed'],
  );

  controller.defective.clear();
  await broken.hasJob();
  assert.is(conditionOf(broken, 'Accepted')['status'], 'True');
  assert.is(broken.status['reason'], 'Pending');
});

test('a defect keeps a run with a Job where it is, and changes nothing of a run that has ended', async ({
  plane,
  cluster,
}) => {
  await using controller = await DefectiveController.start(plane);
  const [begun, ended] = [await aRunIn(cluster, 'begun'), await aRunIn(cluster, 'ended')];
  await begun.apply();
  await ended.apply();
  for (const run of [begun, ended]) await run.podRuns(1);
  await begun.hasReason('Running');
  await ended.podEnds(1, { report: { phase: 'Succeeded', reason: 'Succeeded' } });
  await ended.is(['Succeeded']);
  for (const { name } of [begun, ended]) controller.defective.add(name);
  const count = await controller.value(panics);
  await ended.patch({ ttlSecondsAfterFinished: 100_000 });
  await begun.patch({ ttlSecondsAfterFinished: 100_000 });
  await begun.hasReason('ControllerFailed');
  await until('both were tried', () => controller.value(panics), { holds: (now) => now >= count + 4 });
  assert.is(begun.status['phase'], 'Running');
  assert.is(conditionOf(begun, 'Accepted')['status'], 'True');
  assert.is(ended.status['reason'], 'Succeeded');
  controller.defective.clear();
  await begun.hasReason('Running');
  await begun.podEnds(1, { report: { phase: 'Succeeded', reason: 'Succeeded' } });
  await begun.is(['Succeeded']);
});

const policies = '/apis/admissionregistration.k8s.io/v1';

/** A policy of the cluster that forbids to delete Jobs. */
async function forbidDeletion({ plane }: World): Promise<() => Promise<void>> {
  const name = 'no-deletion';
  const rule = { apiGroups: ['batch'], apiVersions: ['v1'], operations: ['DELETE'], resources: ['jobs'] };
  await plane.client.create(`${policies}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: 'false', message: 'nobody deletes Jobs here' }],
    },
  });
  await plane.client.create(`${policies}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
  return () => plane.client.delete(`${policies}/validatingadmissionpolicybindings/${name}`);
}

test('a run whose Job a policy of the cluster keeps shows the refusal, and ends when the policy is gone', async (world) => {
  const { plane, cluster } = world;
  await using controller = await DefectiveController.start(plane);
  const kept = await aRunIn(cluster, 'kept');
  await kept.apply();
  await kept.podRuns(1);
  await kept.hasReason('Running');
  const allow = await forbidDeletion(world);
  const probe = await aRunIn(cluster, 'probe');
  await probe.apply();
  await probe.hasJob();
  const refusal = () => plane.client.delete(`${probe.jobPath}?dryRun=All`).then(() => '', String);
  await until('the policy is in force', refusal, {
    holds: (text) => text.includes('nobody'),
    withinMs: 60_000,
  });
  const count = await controller.value(panics);
  await kept.patch({ cancel: true });
  await kept.hasReason('ControllerFailed', 'nobody deletes Jobs here');
  assert.is(await controller.value(panics), count);
  await allow();
  await kept.givesJobUp();
  assert.match(kept.message, /./);
  await until('it shows no failure', () => kept.status['reason'] !== 'ControllerFailed', {
    withinMs: 90_000,
  });
});

test.run();
