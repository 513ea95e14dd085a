import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  KeyedQueue,
  type KeyedQueueOptions,
  type Next,
  type QueueObserver,
} from '../../../src/runtime/queue.ts';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.ts';

const test = suite('queue');
const done: Next = { kind: 'done' };
const retry: Next = { kind: 'retry', error: new Error('no') };

let clock: VirtualClock;
const pass = (milliseconds: number) => clock.pass(milliseconds);

/** A queue whose handler is told when to end, and how. */
class Desk {
  readonly begun: string[] = [];
  readonly queue: KeyedQueue;
  readonly #open = new Map<string, (next: Next) => void>();
  mostAtOnce = 0;

  constructor(concurrency: number, more: Partial<KeyedQueueOptions> = {}) {
    const backoff = { firstMs: 100, maxMs: 1_000 };
    this.queue = new KeyedQueue({ handle: (key) => this.#handle(key), concurrency, backoff, clock, ...more });
  }

  #handle(key: string): Promise<Next> {
    assert.not.ok(this.#open.has(key), `${key} is handled twice at once`);
    this.begun.push(key);
    return new Promise((resolve) => {
      this.#open.set(key, resolve);
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#open.size);
    });
  }

  async end(key: string, next: Next = done): Promise<void> {
    const resolve = this.#open.get(key);
    assert.ok(resolve !== undefined, `${key} is not being handled`);
    this.#open.delete(key);
    resolve(next);
    await settle();
  }
}

test.before.each(() => {
  mock.method(Math, 'random', () => 1 - Number.EPSILON);
  clock = new VirtualClock();
});
test.after.each(() => mock.restoreAll());

test('keys are handled in the order in which they came, so many at once', async () => {
  const desk = new Desk(2);
  for (const key of ['a', 'b', 'c', 'd']) desk.queue.add(key);
  assert.equal(desk.begun, ['a', 'b']);
  assert.is(desk.queue.depth, 2);
  await desk.end('b');
  assert.equal(desk.begun, ['a', 'b', 'c']);
  await desk.end('a');
  assert.equal(desk.begun, ['a', 'b', 'c', 'd']);
  assert.is(desk.mostAtOnce, 2);
});

test('a key waits once, however often it is added', async () => {
  const desk = new Desk(1);
  for (const key of ['a', 'b', 'b', 'b']) desk.queue.add(key);
  assert.is(desk.queue.depth, 1);
  await desk.end('a');
  await desk.end('b');
  assert.equal(desk.begun, ['a', 'b']);
});

test('what is added while it is being handled is handled once more afterwards, never at the same time', async () => {
  const desk = new Desk(4);
  for (let time = 0; time < 3; time += 1) desk.queue.add('a');
  assert.equal(desk.begun, ['a']);
  await desk.end('a');
  assert.equal(desk.begun, ['a', 'a']);
  await desk.end('a');
  assert.equal(desk.begun, ['a', 'a']);
});

test('a handler that wants its key later gets it then, and not before', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  await desk.end('a', { kind: 'requeueAfter', milliseconds: 1_000 });
  await pass(999);
  assert.is(desk.begun.length, 1);
  await pass(1);
  assert.is(desk.begun.length, 2);
});

test('adding a key at once beats its timer, which is then gone', async () => {
  const desk = new Desk(1);
  desk.queue.addAfter('a', 1_000);
  desk.queue.add('a');
  assert.is(desk.begun.length, 1);
  await desk.end('a');
  await pass(2_000);
  assert.is(desk.begun.length, 1);
});

test('a key has one timer at most, the earliest that was asked for', async () => {
  const desk = new Desk(1);
  desk.queue.addAfter('a', 200);
  desk.queue.addAfter('a', 100);
  desk.queue.addAfter('a', 300);
  await pass(100);
  assert.is(desk.begun.length, 1);
  await desk.end('a');
  await pass(1_000);
  assert.is(desk.begun.length, 1);
});

test('a timer never delays a key that waits already', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  desk.queue.add('b');
  desk.queue.addAfter('b', 60_000);
  await desk.end('a');
  assert.equal(desk.begun, ['a', 'b']);
  await desk.end('b');
  await pass(60_000);
  assert.equal(desk.begun, ['a', 'b']);
});

test('a timer that ends while its key is being handled leads to one more time', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  desk.queue.addAfter('a', 100);
  await pass(100);
  assert.is(desk.begun.length, 1);
  await desk.end('a');
  assert.is(desk.begun.length, 2);
});

test('each failure of a key makes its wait longer, and a success makes it short again', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
    await desk.end('a', retry);
    const before = desk.begun.length;
    await pass(wait - 1);
    assert.is(desk.begun.length, before, `handled again before ${wait} ms`);
    await pass(1);
    assert.is(desk.begun.length, before + 1, `not handled again after ${wait} ms`);
  }
  await desk.end('a', { kind: 'requeueAfter', milliseconds: 5 });
  await pass(5);
  await desk.end('a', retry);
  await pass(100);
  assert.is(desk.begun.length, 9);
});

test('what the other side asked to wait is waited at least', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  await desk.end('a', { ...retry, atLeastMs: 5_000 });
  await pass(4_999);
  assert.is(desk.begun.length, 1);
  await pass(1);
  assert.is(desk.begun.length, 2);
});

test('the first of a burst is handled at once, and the rest of it together a moment later', async () => {
  const desk = new Desk(1, { spacingMs: 250 });
  desk.queue.add('a');
  await desk.end('a');
  await pass(50);
  desk.queue.add('a');
  await pass(50);
  desk.queue.add('a');
  await pass(149);
  assert.is(desk.begun.length, 1);
  await pass(1);
  assert.is(desk.begun.length, 2);
  await desk.end('a');
  await pass(1_000);
  assert.is(desk.begun.length, 2);
  desk.queue.add('a');
  assert.is(desk.begun.length, 3);
});

test('a burst of one key does not delay another', async () => {
  const desk = new Desk(1, { spacingMs: 250 });
  desk.queue.add('a');
  await desk.end('a');
  desk.queue.add('a');
  desk.queue.add('b');
  assert.equal(desk.begun, ['a', 'b']);
});

test('an observer hears how long keys waited, how long they were handled, and how that ended', async () => {
  const heard: unknown[] = [];
  const observer: QueueObserver = {
    added: () => heard.push('added'),
    started: (waited) => heard.push(['started', waited]),
    finished: (worked, kind) => heard.push(['finished', worked, kind]),
    retried: () => heard.push('retried'),
  };
  const desk = new Desk(1, { observer });
  desk.queue.add('a');
  desk.queue.add('b');
  desk.queue.add('b');
  await pass(30);
  assert.equal(desk.queue.activeAgesMs, [30]);
  assert.is(desk.queue.oldestActiveAt, 0);
  assert.is(desk.queue.oldestWaitingAt, 0);
  await desk.end('a', retry);
  assert.is(desk.queue.lastFinishedAt, 30);
  assert.is(desk.queue.oldestWaitingAt, undefined);
  assert.equal(heard, [
    'added',
    ['started', 0],
    'added',
    ['finished', 30, 'retry'],
    'retried',
    ['started', 30],
  ]);
});

test('the failures of one key do not delay another', async () => {
  const desk = new Desk(1);
  desk.queue.add('a');
  await desk.end('a', retry);
  desk.queue.add('b');
  assert.equal(desk.begun, ['a', 'b']);
});

test('a handler that throws counts as a failure', async () => {
  let calls = 0;
  const handle = async (): Promise<Next> => {
    calls += 1;
    if (calls === 1) throw new Error('a defect');
    return done;
  };
  new KeyedQueue({ handle, concurrency: 1, backoff: { firstMs: 100, maxMs: 1_000 }, clock }).add('a');
  await pass(99);
  assert.is(calls, 1);
  await pass(1);
  assert.is(calls, 2);
});

test('a wake-up that is farther away than a timer can count does not come at once', async () => {
  const desk = new Desk(1);
  desk.queue.addAfter('a', 2 ** 40);
  await pass(1_000_000);
  assert.is(desk.begun.length, 0);
});

test('a stopped queue ends what is being handled and begins nothing more', async () => {
  const desk = new Desk(1);
  for (const key of ['a', 'b', 'a']) desk.queue.add(key);
  desk.queue.addAfter('c', 10);
  let isStopped = false;
  const stopping = desk.queue.stop().then(() => (isStopped = true));
  desk.queue.add('d');
  desk.queue.addAfter('e', 10);
  await pass(1_000);
  assert.not.ok(isStopped);
  await desk.end('a', { kind: 'requeueAfter', milliseconds: 10 });
  await pass(1_000);
  await pass(1_000);
  await stopping;
  assert.equal(desk.begun, ['a']);
});

test.run();
