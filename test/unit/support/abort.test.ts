import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

/** The error with which a promise rejects; throws if it resolves. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise did not reject');
}

test('a sleep rejects with the reason of its signal, at once', async () => {
  const stop = new AbortController();
  const reason = new Error('stop');
  setImmediate(() => stop.abort(reason));
  assert.is(await rejection(sleep(60_000, stop.signal)), reason);
  assert.is(await rejection(sleep(60_000, AbortSignal.abort(reason))), reason);
});

test('a deadline that nothing listens to passes as well, whatever the garbage collector takes', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const polled = deadline(20, new AbortController().signal);
  collect();
  await sleep(60_000, deadline(60)).catch(() => undefined);
  assert.ok(polled.aborted);
});

test('a sleep without a signal resolves', async () => {
  await sleep(1);
});

test('raceAbort rejects with the reason of the signal if the call never settles', async () => {
  const stop = new AbortController();
  const reason = new Error('stop');
  setImmediate(() => stop.abort(reason));
  assert.is(await rejection(raceAbort(new Promise(() => undefined), stop.signal)), reason);
});

test('raceAbort settles with the call if that is first, and ignores a later abort', async () => {
  const stop = new AbortController();
  assert.is(await raceAbort(Promise.resolve(7), stop.signal), 7);
  const error = new Error('no');
  assert.is(await rejection(raceAbort(Promise.reject(error), stop.signal)), error);
  stop.abort();
});

test('raceAbort rejects at once if the signal has already aborted, and ignores the late failure of the call', async () => {
  const late = new Promise((_, reject) => setImmediate(() => reject(new Error('late'))));
  const reason = new Error('stop');
  assert.is(await rejection(raceAbort(late, AbortSignal.abort(reason))), reason);
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a reason that is not an Error becomes one', async () => {
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

test('onAbort calls once, at once if the signal has already aborted, and not after its disposal', () => {
  const stop = new AbortController();
  let [before, disposed, after] = [0, 0, 0];
  onAbort(stop.signal, () => (before += 1));
  onAbort(stop.signal, () => (disposed += 1))[Symbol.dispose]();
  stop.abort();
  onAbort(stop.signal, () => (after += 1));
  assert.equal([before, disposed, after], [1, 0, 1]);
});

test('a signal of the process cancels the run, before or after its start', () => {
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

test('settledWithin returns undefined after its time or an abort, and rejects with the failure of the promise', async () => {
  const never = new Promise<number>(() => undefined);
  assert.is(await settledWithin(Promise.resolve(7), 60_000), 7);
  // The timer of a deadline does not keep the process alive.
  const [inTime] = await Promise.all([settledWithin(never, 0), sleep(50)]);
  assert.is(inTime, undefined);
  assert.is(await settledWithin(never, 60_000, AbortSignal.abort()), undefined);
  const error = new Error('no');
  assert.is(await rejection(settledWithin(Promise.reject(error), 60_000)), error);
});

test('the longest timer does not fire at once', async () => {
  let fired = 0;
  const kept = setTimeout(() => (fired += 1), longestTimerMs);
  await sleep(20);
  clearTimeout(kept);
  assert.is(fired, 0);
});

test.run();
