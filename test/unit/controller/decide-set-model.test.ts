import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Value } from 'typebox/value';
import { dockerRunSetStatus } from '../../../src/api/set/set-status.ts';
import type { DockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import { mostPending } from '../../../src/controller/set/decide/set-chunks.ts';
import type { SetAction } from '../../../src/controller/set/decide/set-outcome.ts';
import { aSetSpec } from '../../fixtures/builders-set.ts';
import { type Fate, SetWorld } from '../../fixtures/set-world.ts';
import { type Random, seededRandom } from '../../integration/controller/seeded-random.ts';

/** Random walks of a set through a simulated world, with a planner that dies and a controller that crashes. */

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const mostSteps = 3_000;

function fatesOf(random: Random, fates: readonly Fate[]): Fate[] {
  return Array.from({ length: 20 + random.below(60) }, () => random.of(fates) ?? 'fine');
}

function worldOf(seed: number, spec: Partial<DockerRunSetSpec>, fates: readonly Fate[]): SetWorld {
  const random = seededRandom(seed);
  const own = { parallelism: 1 + random.below(12), chunk: { items: 1 + random.below(9), seconds: 900 } };
  return new SetWorld({ spec: aSetSpec({ ...own, ...spec }), fates: fatesOf(random, fates), random });
}

/** What holds of every status that is written. */
function checkStatus({ status }: SetWorld): void {
  const [problem] = Value.Errors(dockerRunSetStatus, status);
  assert.is(problem, undefined, `${problem?.instancePath} ${problem?.message}`);
  assert.ok(Buffer.byteLength(JSON.stringify(status)) <= 16 * 1024, 'the status has at most 16 KiB');
}

/** What holds at every moment. */
function checkInvariants({ live, spec }: SetWorld): void {
  assert.ok(live.length <= spec.parallelism, `${live.length} live chunks`);
  const inputs = live.flatMap(({ run }) => (run.spec.forEach?.items ?? []).map(({ id }) => id));
  assert.is(new Set(inputs).size, inputs.length, 'no input is in two live chunks');
}

function checkAction(world: SetWorld, action: SetAction): void {
  if (action.kind !== 'createChunk') return;
  assert.is.not(world.spec.suspend, true, 'a suspended set starts nothing');
  assert.is.not(world.spec.cancel, true, 'a cancelled set starts nothing');
  const items = action.run.spec.forEach?.items ?? [];
  const succeeded = [...world.receipts.values()].filter(({ state }) => state === 'Succeeded').length;
  if (succeeded === 0 && world.spec.canary > 0) assert.is(items.length, 1, 'a canary is alone in its pod');
  // The halves of a chunk whose worker was lost may come in addition.
  assert.ok(world.pending <= mostPending(world.spec.parallelism) + 1, `${world.pending} wait`);
}

/** Walks until the set is in one of these phases; the controller crashes now and then. */
function walk(world: SetWorld, random: Random, isOver: () => boolean): void {
  world.onAction = (action) => checkAction(world, action);
  for (let step = 0; step < mostSteps; step += 1) {
    const before = world.status;
    world.reconcile({ crashes: random.below(15) === 0 });
    if (world.status !== before) checkStatus(world);
    checkInvariants(world);
    if (isOver()) return;
    world.step();
  }
  assert.unreachable(
    `not over after ${mostSteps} steps: ${JSON.stringify(world.status)} ${JSON.stringify(world.planner?.report.counts)}`,
  );
}

test('every input ends, whatever dies on the way', () => {
  for (const seed of seeds) {
    const world = worldOf(seed, {}, ['fine', 'fine', 'fine', 'fine', 'flaky', 'poison']);
    walk(world, seededRandom(seed + 1000), () => {
      // The canary may have met only poison; a person lets the set continue.
      if (world.status.phase === 'Paused') world.change({ retryFailed: `again ${world.now}`, canary: 0 });
      return world.status.phase === 'Complete';
    });
    for (const [number, fate] of world.fates.entries()) {
      const { state } = world.receipts.get(number) ?? { state: 'none' };
      assert.is(state, fate === 'poison' ? 'Failed' : 'Succeeded', `seed ${seed}: input ${number}, ${fate}`);
    }
    const { done = 0, failed = 0, seen, waiting, running } = world.status.items ?? {};
    assert.is(done + failed, seen);
    assert.equal([waiting, running], [0, 0]);
    assert.is(done, world.fates.filter((fate) => fate !== 'poison').length);
  }
});

test('with a template that is wrong, only the canaries start', () => {
  for (const seed of seeds.slice(0, 20)) {
    const world = worldOf(seed, { canary: 3 }, ['bad']);
    walk(world, seededRandom(seed), () => world.status.phase === 'Paused');
    assert.is(world.status.conditions?.find(({ type }) => type === 'Paused')?.reason, 'CanaryFailed');
    assert.ok(world.receipts.size <= 3, `${world.receipts.size} started`);
  }
});

test('a failure budget pauses the set, and a change of the spec lets it continue', () => {
  for (const seed of seeds.slice(0, 20)) {
    const world = worldOf(seed, { canary: 0, failureBudget: { percent: 20 } }, ['fine', 'bad']);
    const random = seededRandom(seed);
    walk(world, random, () => world.status.phase === 'Paused' || world.status.phase === 'Complete');
    if (world.status.phase === 'Complete') continue;
    world.change({ failureBudget: { percent: 100 } });
    walk(world, random, () => world.status.phase === 'Complete');
    assert.is(world.receipts.size, world.fates.length);
  }
});

test('a suspended set completes what runs and starts nothing; resumed, it does the rest', () => {
  for (const seed of seeds.slice(0, 20)) {
    const world = worldOf(seed, { canary: 0 }, ['fine']);
    const random = seededRandom(seed);
    walk(world, random, () => world.live.length > 0);
    world.change({ suspend: true });
    walk(world, random, () => world.status.phase === 'Paused' && world.live.length === 0);
    assert.is(world.plannerJob, undefined);
    world.change({ suspend: false });
    walk(world, random, () => world.status.phase === 'Complete');
    assert.is(world.receipts.size, world.fates.length);
  }
});

test('a cancelled set stops what runs, and ends', () => {
  for (const seed of seeds.slice(0, 20)) {
    const world = worldOf(seed, { canary: 0 }, ['fine']);
    const random = seededRandom(seed);
    walk(world, random, () => world.live.length > 0);
    world.change({ cancel: true });
    walk(world, random, () => world.status.phase === 'Cancelled');
    assert.equal([world.live.length, world.plannerJob], [0, undefined]);
  }
});

test('a dry run starts nothing, and counts what would run', () => {
  for (const seed of seeds.slice(0, 20)) {
    const world = worldOf(seed, { dryRun: true }, ['fine']);
    walk(world, seededRandom(seed), () => world.status.phase === 'Complete');
    assert.equal([world.receipts.size, world.chunks.size], [0, 0]);
    assert.is(world.status.pass?.todo, world.fates.length);
  }
});

test('a set with a watch goes idle and looks again', () => {
  const world = worldOf(1, { watch: { every: '10m' } }, ['fine']);
  const random = seededRandom(1);
  walk(world, random, () => world.status.phase === 'Idle' && world.plannerJob === undefined);
  const { requeueAfterMs = 0 } = world.reconcile();
  assert.ok(requeueAfterMs > 0 && requeueAfterMs <= 600_000);
  world.now += 600_000;
  walk(world, random, () => world.status.pass?.number === 2 && world.status.phase === 'Idle');
  assert.is(world.status.pass?.todo, 0);
});

test.run();
