import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { group, plural, queueNameLabel } from '../../../src/api/names.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { failed, running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';

/** Runs that were stored under a schema with looser bounds, after an upgrade to the one of this version. */

type World = { plane: ControlPlane; cluster: SimulatedCluster; stack: AsyncDisposableStack };
const test = suite<World>('specs of an older version');

const crdPath = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`;
const crd: unknown = parse(readFileSync('crds/dockerruns.yaml', 'utf8'));
const versionsOf = (definition: unknown) => listAt(recordAt(definition, 'spec'), 'versions');

/** The CRD before an affinity had bounds, and without the rules about changes. */
function olderVersions(): unknown[] {
  return structuredClone(versionsOf(crd)).map((version) => {
    const root = recordAt(recordAt(version, 'schema'), 'openAPIV3Schema');
    delete root['x-kubernetes-validations'];
    const properties = recordAt(recordAt(recordAt(root, 'properties'), 'spec'), 'properties');
    properties['affinity'] = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return version;
  });
}

/** An affinity with more terms than this version stores. */
const nodeSelectorTerms = Array.from({ length: 40 }, (_, index) => ({
  matchExpressions: [{ key: `disk-${index}`, operator: 'Exists' }],
}));
const affinity = {
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
};
const tooLong = /spec\.affinity\S* must not have more than 32 items; another version of DockerRun stored it/;

/** Installs a schema, and waits until the API server uses it. */
async function install({ plane, cluster }: World, versions: unknown[], isStrict: boolean): Promise<void> {
  await plane.client.merge(crdPath, { spec: { versions } });
  const name = isStrict ? 'strict' : 'loose';
  const run = new ScriptedRun(cluster, `probe-${name}`, 'default');
  const refusal = () =>
    plane.client
      .create(`${run.path.replace(/\/[^/]*$/, '')}?dryRun=All`, {
        ...{ apiVersion: `${group}/v1alpha1`, kind: 'DockerRun', metadata: { name: run.name } },
        spec: { image: 'busybox', affinity },
      })
      .then(() => '', String);
  await until(`the ${name} schema is in use`, refusal, {
    holds: (text) => (isStrict ? text.includes('32') : text === ''),
    withinMs: 30_000,
  });
}

const start = (plane: ControlPlane) =>
  ControllerProcess.start(plane.kubeconfig, { DOCKERRUN_LEADER_ELECTION: 'false' });

async function aRunIn(cluster: SimulatedCluster, name: string): Promise<ScriptedRun> {
  await cluster.client.create('/api/v1/namespaces', { metadata: { name } });
  return new ScriptedRun(cluster, name);
}

test.before(async (world) => {
  world.stack = new AsyncDisposableStack();
  world.plane = world.stack.use(await startControlPlane());
  world.cluster = world.stack.use(
    await SimulatedCluster.start(world.plane, { jobController: 'real', worker: running }),
  );
});
test.after(({ stack }) => stack.disposeAsync());

/** One after the other, so that a failure names the run. */
async function each(runs: readonly ScriptedRun[], step: (run: ScriptedRun) => Promise<void>): Promise<void> {
  for (const run of runs) await step(run);
}

/** Runs that started with a valid spec and then got one beyond the bounds, and one that has not started. */
async function storedBefore(world: World) {
  const { plane, cluster } = world;
  const [runs, retried] = [await aRunIn(cluster, 'runs'), await aRunIn(cluster, 'retried')];
  const [cancelled, suspended] = [await aRunIn(cluster, 'cancelled'), await aRunIn(cluster, 'suspended')];
  const [queued, waiting] = [await aRunIn(cluster, 'queued'), await aRunIn(cluster, 'waiting')];
  const started = [runs, retried, cancelled, suspended, queued];
  await using controller = await start(plane);
  await each(started, (run) =>
    run.apply({ backoffLimit: 1 }, run === queued ? { [queueNameLabel]: 'lab' } : {}),
  );
  await each(started, (run) => run.podRuns(1));
  await each(started, (run) => run.hasReason('Running'));
  await each([suspended, queued], (run) => run.patch({ suspend: true }));
  await queued.givesJobUp();
  await each([suspended, queued], (run) => run.hasReason('Suspended'));
  await controller.stop();
  await install(world, olderVersions(), false);
  await each(started, (run) => run.patch({ affinity }));
  await waiting.apply({ affinity });
  await install(world, versionsOf(crd), true);
  return { runs, retried, cancelled, suspended, queued, waiting };
}

test('a run that started before an upgrade with tighter bounds continues, and one that did not is refused', async (world) => {
  const { runs, retried, cancelled, suspended, queued, waiting } = await storedBefore(world);
  await using controller = await start(world.plane);
  await waiting.ends();
  assert.is(textAt(waiting.status, 'reason'), 'InvalidSpec');
  assert.match(waiting.message, tooLong);

  await runs.podEnds(1, succeeded);
  await retried.podEnds(1, failed);
  await cancelled.patch({ cancel: true });
  await cancelled.ends();
  assert.is(textAt(cancelled.status, 'reason'), 'Cancelled', cancelled.message);
  await runs.ends();
  // The controller has looked at the others by now, and they stood still.
  assert.equal([suspended.pods.length, queued.pods.length], [1, 1]);
  await each([suspended, queued], (run) => run.patch({ suspend: false }));
  await each([retried, suspended, queued], (run) => run.podRuns(2));
  await each([retried, suspended, queued], (run) => run.podEnds(2, succeeded));
  await each([runs, retried, suspended, queued], async (run) => {
    await run.ends();
    assert.is(run.status['phase'], 'Succeeded', `${run.name}: ${run.message}`);
  });
  assert.ok(controller.isRunning);
});

test.run();
