import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { group, plural, queueNameLabel } from '../../../src/api/names.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { failed, running, ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';

/** Runs that were stored under a looser schema, after an upgrade to the one of this version. */

type World = { plane: ControlPlane; cluster: SimulatedCluster; stack: AsyncDisposableStack };
const test = suite<World>('specs of an older version');

const crdPath = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`;
const crd: unknown = parse(readFileSync('crds/dockerruns.yaml', 'utf8'));
const versionsOf = (definition: unknown) => listAt(recordAt(definition, 'spec'), 'versions');

/** The CRD before an affinity had bounds, some fields an enum or a pattern, and without any rule. */
function olderVersions(): unknown[] {
  return structuredClone(versionsOf(crd)).map((version) => {
    const root = recordAt(recordAt(version, 'schema'), 'openAPIV3Schema');
    delete root['x-kubernetes-validations'];
    const properties = recordAt(recordAt(recordAt(root, 'properties'), 'spec'), 'properties');
    delete recordAt(recordAt(root, 'properties'), 'spec')['x-kubernetes-validations'];
    properties['imagePullPolicy'] = { type: 'string' };
    properties['transforms'] = {
      ...{ type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    };
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

/** What this version refuses, in each way that a schema can, and what the message names. */
const refusedNow = [
  {
    kind: 'enum',
    spec: { imagePullPolicy: 'Sometimes' },
    problem: /spec\.imagePullPolicy must be one of Always, IfNotPresent, Never; another version/,
  },
  {
    kind: 'pattern',
    spec: {
      transforms: [
        { name: '-', volumePath: {} },
        { name: 'out', volumePath: {} },
      ],
    },
    problem: /spec\.transforms\.0\.name must match pattern \S+; another version/,
  },
  {
    kind: 'rule',
    spec: { transforms: [{ name: 'out', volumePath: { filename: 'a', volume: 'gone' } }] },
    problem: /a volume that does not exist|gone/,
  },
] as const;

test('a run whose spec an enum, a pattern or a rule of this version forbids ends as what it has begun, or names the field', async (world) => {
  const { plane, cluster } = world;
  const of = async (what: string) =>
    Promise.all(refusedNow.map(({ kind }) => aRunIn(cluster, `${what}-${kind}`)));
  const [running, retried, suspended, waiting] = [
    await of('running'),
    await of('retried'),
    await of('suspended'),
    await of('waiting'),
  ];
  const [cancelled] = await of('cancelled');
  const queued = await of('queued');
  assert.ok(cancelled !== undefined);
  const begun = [...running, ...retried, ...suspended, cancelled, ...queued];
  {
    await using controller = await start(plane);
    for (const run of begun)
      await run.apply({ backoffLimit: 1 }, queued.includes(run) ? { [queueNameLabel]: 'lab' } : {});
    await each(begun, (run) => run.podRuns(1));
    await each(begun, (run) => run.hasReason('Running'));
    await each([...suspended, ...queued], (run) => run.patch({ suspend: true }));
    await each(queued, (run) => run.givesJobUp());
    await each([...suspended, ...queued], (run) => run.hasReason('Suspended'));
    await controller.stop();
  }
  await install(world, olderVersions(), false);
  const specOf = (index: number) => refusedNow[index % refusedNow.length]?.spec ?? {};
  for (const runs of [running, retried, suspended, [cancelled], queued])
    for (const [index, run] of runs.entries()) await run.patch(specOf(index));
  for (const [index, run] of waiting.entries()) await run.apply(specOf(index));
  await install(world, versionsOf(crd), true);

  await using controller = await start(plane);
  for (const [index, run] of waiting.entries()) {
    await run.ends();
    assert.is(textAt(run.status, 'reason'), 'InvalidSpec');
    assert.match(run.message, refusedNow[index]?.problem ?? /^$/);
  }
  await cancelled.patch({ cancel: true });
  await cancelled.is(['Cancelled']);
  await cancelled.patch({ ttlSecondsAfterFinished: 1 });
  await cancelled.isRemoved();
  await each(running, (run) => run.podEnds(1, succeeded));
  await each(retried, (run) => run.podEnds(1, failed));
  // The API server checks a rule of the whole spec with each change of it, so that one stays suspended.
  const [anEnum, aPattern] = suspended;
  const resumed = [anEnum, aPattern].filter((run) => run !== undefined);
  await each(resumed, (run) => run.patch({ suspend: false }));
  await each([...retried, ...resumed], (run) => run.podRuns(2));
  await each([...retried, ...resumed], (run) => run.podEnds(2, succeeded));
  await each([...running, ...retried, ...resumed], async (run) => {
    await run.ends();
    assert.is(run.status['phase'], 'Succeeded', `${run.name}: ${run.message}`);
  });
  // A queue's Job has to be made again, for which all of the spec is needed.
  for (const [index, run] of queued.slice(0, 2).entries()) {
    assert.is(run.pods.length, 1);
    await run.patch({ suspend: false });
    await run.ends();
    assert.is(textAt(run.status, 'reason'), 'InvalidSpec', run.message);
    assert.match(run.message, refusedNow[index]?.problem ?? /^$/);
  }
  assert.ok(controller.isRunning);
});

test.run();
