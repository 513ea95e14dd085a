import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  cancelledBy,
  deadline,
  longestTimerMs,
  onAbort,
  raceAbort,
  settledWithin,
  sleep,
} from '../../../src/support/abort.ts';
import { RunError } from '../../../src/support/errors.ts';

/** What a promise rejects with; fails when it does not. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

test('a sleep ends with the reason of its signal, at once', async () => {
  const stop = new AbortController();
  const reason = new Error('stop');
  setImmediate(() => stop.abort(reason));
  assert.is(await rejection(sleep(60_000, stop.signal)), reason);
  assert.is(await rejection(sleep(60_000, AbortSignal.abort(reason))), reason);
});

test('a sleep without a signal ends by itself', async () => {
  await sleep(1);
});

test('a call that never settles ends with the reason of the signal', async () => {
  const stop = new AbortController();
  const reason = new Error('stop');
  setImmediate(() => stop.abort(reason));
  assert.is(await rejection(raceAbort(new Promise(() => undefined), stop.signal)), reason);
});

test('a call that settles first settles so, and lets go of the signal', async () => {
  const stop = new AbortController();
  assert.is(await raceAbort(Promise.resolve(7), stop.signal), 7);
  const error = new Error('no');
  assert.is(await rejection(raceAbort(Promise.reject(error), stop.signal)), error);
  stop.abort();
});

test('a call whose signal has aborted already is refused, and its late failure bothers nobody', async () => {
  const late = new Promise((_, reject) => setImmediate(() => reject(new Error('late'))));
  const reason = new Error('stop');
  assert.is(await rejection(raceAbort(late, AbortSignal.abort(reason))), reason);
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a reason that is no error becomes one', async () => {
  const stop = new AbortController();
  setImmediate(() => stop.abort('why'));
  const error = await rejection(raceAbort(new Promise(() => undefined), stop.signal));
  assert.ok(error instanceof Error && error.message === 'why');
});

test('a deadline aborts after its time, or with its parent', async () => {
  const short = deadline(5);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(short.aborted);
  const reason = new Error('parent');
  assert.is(deadline(60_000, AbortSignal.abort(reason)).reason, reason);
});

test('what listens for an abort is called once, at once when it came before, and not after its disposal', () => {
  const stop = new AbortController();
  let [before, disposed, after] = [0, 0, 0];
  onAbort(stop.signal, () => (before += 1));
  onAbort(stop.signal, () => (disposed += 1))[Symbol.dispose]();
  stop.abort();
  onAbort(stop.signal, () => (after += 1));
  assert.equal([before, disposed, after], [1, 0, 1]);
});

test('a run is cancelled by the signal of the process, before or after it has begun', () => {
  const stop = new AbortController();
  const later = cancelledBy(stop.signal, 'the worker');
  assert.not(later.aborted);
  stop.abort('SIGTERM');
  for (const signal of [later, cancelledBy(stop.signal, 'the worker')]) {
    assert.instance(signal.reason, RunError);
    assert.is((signal.reason as RunError).reason, 'Cancelled');
    assert.is((signal.reason as RunError).message, 'the worker was stopped by SIGTERM');
  }
});

test('a promise that is not settled within its time, or before the abort, is undefined; a failure is its own', async () => {
  const never = new Promise<number>(() => undefined);
  assert.is(await settledWithin(Promise.resolve(7), 60_000), 7);
  // A deadline alone does not keep a process alive.
  const [inTime] = await Promise.all([settledWithin(never, 0), sleep(50)]);
  assert.is(inTime, undefined);
  assert.is(await settledWithin(never, 60_000, AbortSignal.abort()), undefined);
  const error = new Error('no');
  assert.is(await rejection(settledWithin(Promise.reject(error), 60_000)), error);
});

test('Node keeps the longest timer', async () => {
  let fired = 0;
  const kept = setTimeout(() => (fired += 1), longestTimerMs);
  await sleep(20);
  clearTimeout(kept);
  assert.is(fired, 0);
});

test.run();
