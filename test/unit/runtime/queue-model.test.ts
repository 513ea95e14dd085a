import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyedQueue, type Next } from '../../../src/runtime/queue.ts';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.ts';

const test = suite('queue model');
const concurrency = 2;
const longestMs = 2_000;

/** A queue with a virtual clock, beside the little that is always true of it. */
class World {
  readonly clock = new VirtualClock();
  readonly queue: KeyedQueue;
  readonly open = new Map<string, (next: Next) => void>();
  /** From when on each key is owed to be handled. */
  readonly owed = new Map<string, number>();

  constructor(spacingMs: number) {
    const handle = (key: string) => this.#handle(key);
    const backoff = { firstMs: 100, maxMs: 1_000 };
    this.queue = new KeyedQueue({ handle, concurrency, backoff, spacingMs, clock: this.clock });
  }

  owe(key: string, at: number): void {
    this.owed.set(key, Math.min(at, this.owed.get(key) ?? Infinity));
  }

  #handle(key: string): Promise<Next> {
    assert.not.ok(this.open.has(key), 'a key is handled by one worker at a time');
    assert.ok(this.open.size < concurrency, 'no more keys at once than workers');
    const due = this.owed.get(key);
    assert.ok(due !== undefined, 'no key is handled that nobody asked for');
    assert.ok(due <= this.clock.now(), 'no key is handled before its time');
    this.owed.delete(key);
    return new Promise((resolve) => this.open.set(key, resolve));
  }
}

type Step = (world: World) => Promise<void> | void;

const key = fc.constantFrom('a', 'b', 'c');
const wait = fc.integer({ min: 0, max: longestMs / 10 }).map((tens) => tens * 10);
const next: fc.Arbitrary<Next> = fc.oneof(
  fc.constant<Next>({ kind: 'done' }),
  wait.map((milliseconds): Next => ({ kind: 'requeueAfter', milliseconds })),
  fc.option(wait, { nil: undefined }).map((atLeastMs): Next => ({ kind: 'retry', error: 'no', atLeastMs })),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  key.map((its): Step => (world) => {
    world.owe(its, world.clock.now());
    world.queue.add(its);
  }),
  fc.tuple(key, wait).map(([its, milliseconds]): Step => (world) => {
    world.owe(its, world.clock.now() + milliseconds);
    world.queue.addAfter(its, milliseconds);
  }),
  fc.tuple(key, next).map(
    ([its, how]): Step =>
      (world) =>
        end(world, its, how),
  ),
  wait.map(
    (milliseconds): Step =>
      ({ clock }) =>
        clock.pass(milliseconds),
  ),
);

async function end(world: World, its: string, how: Next): Promise<void> {
  const resolve = world.open.get(its);
  if (resolve === undefined) return;
  world.open.delete(its);
  if (how.kind === 'requeueAfter') world.owe(its, world.clock.now() + how.milliseconds);
  if (how.kind === 'retry') world.owe(its, world.clock.now() + (how.atLeastMs ?? 0));
  resolve(how);
  await settle();
}

/** Lets everything end well that is open, and all the time pass that anything may wait for. */
async function quiet(world: World): Promise<void> {
  for (let round = 0; round < 8; round += 1) {
    for (const its of [...world.open.keys()]) await end(world, its, { kind: 'done' });
    await world.clock.pass(longestMs / 4);
  }
}

for (const spacingMs of [0, 250]) {
  test(`whatever happens, each key that was asked for is handled, in its time and once at a time (${spacingMs} ms)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = new World(spacingMs);
        for (const one of steps) await one(world);
        await quiet(world);
        assert.equal([...world.owed], [], 'nothing that was asked for is lost');
        assert.is(world.open.size, 0);
        assert.is(world.queue.depth, 0);
        await world.queue.stop();
      }),
      { numRuns: 150 },
    );
  });
}

test.run();
