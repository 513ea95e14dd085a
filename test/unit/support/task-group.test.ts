import { setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { aborted } from '../../../src/support/abort.ts';
import { doConcurrently, TaskGroup, TaskLimit } from '../../../src/support/task-group.ts';

const never = new AbortController().signal;

/** Counts how many tasks are running, the most that ran at once, and how many have ended. */
function counted() {
  const count = { running: 0, most: 0, done: 0 };
  const task = async () => {
    count.running += 1;
    count.most = Math.max(count.most, count.running);
    await setImmediate();
    count.running -= 1;
    count.done += 1;
  };
  return { count, task };
}

test('a limit runs exactly that many tasks at once', async () => {
  const group = new TaskGroup(never);
  const limited = new TaskLimit(group, 3);
  const { count, task } = counted();
  for (let number = 0; number < 20; number += 1) await limited.start(task);
  assert.ok(count.done < 20, 'the last ones have only started');
  await limited.idle();
  await group.finish();
  assert.equal([count.most, count.done], [3, 20]);
});

test('a group rejects with its first failure after all running tasks have stopped', async () => {
  const group = new TaskGroup(never);
  const limited = new TaskLimit(group, 2);
  let hasStopped = false;
  await limited.start(async () => {
    await new Promise((resolve) => group.signal.addEventListener('abort', resolve));
    await setImmediate();
    hasStopped = true;
    throw new Error('second');
  });
  await limited.start(() => Promise.reject(new Error('first')));
  const rejected: unknown = await limited.start(() => Promise.resolve()).catch((error: unknown) => error);
  const thrown: unknown = await group.finish().catch((error: unknown) => error);
  assert.equal([(rejected as Error).message, (thrown as Error).message], ['first', 'first']);
  assert.ok(hasStopped);
});

test("a group rejects with the parent's reason if the parent aborts first", async () => {
  const controller = new AbortController();
  const group = new TaskGroup(controller.signal);
  void group.start(async () => {
    await new Promise((resolve) => group.signal.addEventListener('abort', resolve));
    throw new Error('interrupted by the cancel');
  });
  controller.abort(new Error('cancelled'));
  const thrown: unknown = await group.finish().catch((error: unknown) => error);
  assert.is((thrown as Error).message, 'cancelled');
});

test('doConcurrently runs all tasks, at most `limit` at once', async () => {
  const { count, task } = counted();
  await doConcurrently(Array<typeof task>(20).fill(task), { limit: 4, signal: never });
  assert.equal(count, { running: 0, most: 4, done: 20 });
  await doConcurrently([], { limit: 4, signal: never });
});

test('a failed task stops the running ones, and later ones do not start', async () => {
  const { count, task } = counted();
  let isStopped = false;
  const waits = async (stop: AbortSignal) => {
    await aborted(stop);
    await setImmediate();
    isStopped = true;
  };
  const fails = () => Promise.reject(new Error('first'));
  const list = [waits, fails, task, task];
  const thrown: unknown = await doConcurrently(list, { limit: 2, signal: never }).catch(
    (error: unknown) => error,
  );
  assert.is((thrown as Error).message, 'first');
  assert.equal([isStopped, count.done], [true, 0]);
});

test('doConcurrently rejects with the reason of its signal, aborted before or during the tasks', async () => {
  const { count, task } = counted();
  const reason = new Error('cancelled');
  const before = doConcurrently([task], { limit: 2, signal: AbortSignal.abort(reason) });
  const cancel = new AbortController();
  const during = doConcurrently([aborted], { limit: 2, signal: cancel.signal });
  cancel.abort(reason);
  for (const one of [before, during]) assert.is(await one.catch((error: unknown) => error), reason);
  assert.is(count.done, 0);
});

test.run();
