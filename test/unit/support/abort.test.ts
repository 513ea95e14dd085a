import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline, raceAbort, sleep } from '../../../src/support/abort.ts';

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

test.run();
