import { mock } from 'node:test';
import { suite } from '../../fixtures/suite.ts';
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

/** A queue whose handler ends when and how the test decides. */
class ManualQueue {
  readonly started: string[] = [];
  readonly queue: KeyedQueue;
  readonly #open = new Map<string, (next: Next) => void>();
  mostAtOnce = 0;

  constructor(concurrency: number, more: Partial<KeyedQueueOptions> = {}) {
    const backoff = { firstMs: 100, maxMs: 1_000 };
    this.queue = new KeyedQueue({ handle: (key) => this.#handle(key), concurrency, backoff, clock, ...more });
  }

  #handle(key: string): Promise<Next> {
    assert.not.ok(this.#open.has(key), `${key} is handled twice at once`);
    this.started.push(key);
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

test('keys are handled in the order in which they were added, at most `concurrency` at once', async () => {
  const manual = new ManualQueue(2);
  for (const key of ['a', 'b', 'c', 'd']) manual.queue.add(key);
  assert.equal(manual.started, ['a', 'b']);
  assert.is(manual.queue.depth, 2);
  await manual.end('b');
  assert.equal(manual.started, ['a', 'b', 'c']);
  await manual.end('a');
  assert.equal(manual.started, ['a', 'b', 'c', 'd']);
  assert.is(manual.mostAtOnce, 2);
});

test('a key waits once, however often it is added', async () => {
  const manual = new ManualQueue(1);
  for (const key of ['a', 'b', 'b', 'b']) manual.queue.add(key);
  assert.is(manual.queue.depth, 1);
  await manual.end('a');
  await manual.end('b');
  assert.equal(manual.started, ['a', 'b']);
});

test('a key that is added while it is active is handled once more afterwards, never at the same time', async () => {
  const manual = new ManualQueue(4);
  for (let time = 0; time < 3; time += 1) manual.queue.add('a');
  assert.equal(manual.started, ['a']);
  await manual.end('a');
  assert.equal(manual.started, ['a', 'a']);
  await manual.end('a');
  assert.equal(manual.started, ['a', 'a']);
});

test('requeueAfter handles the key after that time, and not earlier', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  await manual.end('a', { kind: 'requeueAfter', milliseconds: 1_000 });
  await pass(999);
  assert.is(manual.started.length, 1);
  await pass(1);
  assert.is(manual.started.length, 2);
});

test('adding a key without a delay cancels its timer', async () => {
  const manual = new ManualQueue(1);
  manual.queue.addAfter('a', 1_000);
  manual.queue.add('a');
  assert.is(manual.started.length, 1);
  await manual.end('a');
  await pass(2_000);
  assert.is(manual.started.length, 1);
});

test('a key has one timer at most, the earliest that was requested', async () => {
  const manual = new ManualQueue(1);
  manual.queue.addAfter('a', 200);
  manual.queue.addAfter('a', 100);
  manual.queue.addAfter('a', 300);
  await pass(100);
  assert.is(manual.started.length, 1);
  await manual.end('a');
  await pass(1_000);
  assert.is(manual.started.length, 1);
});

test('a timer never delays a key that is already waiting', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  manual.queue.add('b');
  manual.queue.addAfter('b', 60_000);
  await manual.end('a');
  assert.equal(manual.started, ['a', 'b']);
  await manual.end('b');
  await pass(60_000);
  assert.equal(manual.started, ['a', 'b']);
});

test('a timer that fires while its key is active causes one more start', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  manual.queue.addAfter('a', 100);
  await pass(100);
  assert.is(manual.started.length, 1);
  await manual.end('a');
  assert.is(manual.started.length, 2);
});

test('each failure of a key doubles its wait up to the maximum, and a success resets it', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
    await manual.end('a', retry);
    const before = manual.started.length;
    await pass(wait - 1);
    assert.is(manual.started.length, before, `handled again before ${wait} ms`);
    await pass(1);
    assert.is(manual.started.length, before + 1, `not handled again after ${wait} ms`);
  }
  await manual.end('a', { kind: 'requeueAfter', milliseconds: 5 });
  await pass(5);
  await manual.end('a', retry);
  await pass(100);
  assert.is(manual.started.length, 9);
});

test('a retry waits at least as long as Retry-After', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  await manual.end('a', { ...retry, atLeastMs: 5_000 });
  await pass(4_999);
  assert.is(manual.started.length, 1);
  await pass(1);
  assert.is(manual.started.length, 2);
});

test('the first of a burst is handled at once, and the rest of it together after the spacing', async () => {
  const manual = new ManualQueue(1, { spacingMs: 250 });
  manual.queue.add('a');
  await manual.end('a');
  await pass(50);
  manual.queue.add('a');
  await pass(50);
  manual.queue.add('a');
  await pass(149);
  assert.is(manual.started.length, 1);
  await pass(1);
  assert.is(manual.started.length, 2);
  await manual.end('a');
  await pass(1_000);
  assert.is(manual.started.length, 2);
  manual.queue.add('a');
  assert.is(manual.started.length, 3);
});

test('a burst of one key does not delay another', async () => {
  const manual = new ManualQueue(1, { spacingMs: 250 });
  manual.queue.add('a');
  await manual.end('a');
  manual.queue.add('a');
  manual.queue.add('b');
  assert.equal(manual.started, ['a', 'b']);
});

test('an observer receives how long keys waited, how long they were handled, and how they ended', async () => {
  const calls: unknown[] = [];
  const observer: QueueObserver = {
    added: () => calls.push('added'),
    started: (waited) => calls.push(['started', waited]),
    finished: (worked, kind) => calls.push(['finished', worked, kind]),
    retried: () => calls.push('retried'),
  };
  const manual = new ManualQueue(1, { observer });
  manual.queue.add('a');
  manual.queue.add('b');
  manual.queue.add('b');
  await pass(30);
  assert.equal(manual.queue.activeAgesMs, [30]);
  assert.is(manual.queue.oldestActiveAt, 0);
  assert.is(manual.queue.oldestWaitingAt, 0);
  await manual.end('a', retry);
  assert.is(manual.queue.lastFinishedAt, 30);
  assert.is(manual.queue.oldestWaitingAt, undefined);
  assert.equal(calls, [
    'added',
    ['started', 0],
    'added',
    ['finished', 30, 'retry'],
    'retried',
    ['started', 30],
  ]);
});

test('failures of one key do not delay another', async () => {
  const manual = new ManualQueue(1);
  manual.queue.add('a');
  await manual.end('a', retry);
  manual.queue.add('b');
  assert.equal(manual.started, ['a', 'b']);
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

test('a delay longer than the longest timer does not start the key at once', async () => {
  const manual = new ManualQueue(1);
  manual.queue.addAfter('a', 2 ** 40);
  await pass(1_000_000);
  assert.is(manual.started.length, 0);
});

test('a stopped queue waits for active keys and starts no others', async () => {
  const manual = new ManualQueue(1);
  for (const key of ['a', 'b', 'a']) manual.queue.add(key);
  manual.queue.addAfter('c', 10);
  let isStopped = false;
  const stopping = manual.queue.stop().then(() => (isStopped = true));
  manual.queue.add('d');
  manual.queue.addAfter('e', 10);
  await pass(1_000);
  assert.not.ok(isStopped);
  await manual.end('a', { kind: 'requeueAfter', milliseconds: 10 });
  await pass(1_000);
  await pass(1_000);
  await stopping;
  assert.equal(manual.started, ['a']);
});

test.run();
