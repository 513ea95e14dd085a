import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  defaultRetryLimits,
  parseRetryAfter,
  RetryBudget,
  TransientFailure,
} from '../../../src/girder/retry.ts';
import { backoffMs } from '../../../src/support/backoff.ts';

const never = new AbortController().signal;
const failure = new TransientFailure('x');

test('waits grow from a quarter of a second to ten, with full jitter', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 19].map((failures) =>
    backoffMs(failures, defaultRetryLimits, () => 1),
  );
  assert.equal(longest, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.is(
    backoffMs(6, defaultRetryLimits, () => 0),
    100,
  );
  assert.is(
    backoffMs(6, defaultRetryLimits, () => 0.5),
    5050,
  );
});

test('waits with average jitter cover a restart of Girder that takes 40 seconds', () => {
  let waited = 0;
  for (let failures = 0; failures < 14; failures += 1)
    waited += backoffMs(failures, defaultRetryLimits, () => 0.5);
  assert.ok(waited > 40_000 && waited < defaultRetryLimits.totalMs);
});

test('Retry-After is read as seconds or as a date', () => {
  const now = Date.parse('2026-11-22T11:00:00Z');
  assert.is(parseRetryAfter('7', now), 7000);
  assert.is(parseRetryAfter('Sun, 22 Nov 2026 11:00:30 GMT', now), 30_000);
  assert.is(parseRetryAfter('Sun, 22 Nov 2026 10:00:00 GMT', now), 0);
  assert.is(parseRetryAfter('soon', now), undefined);
  assert.is(parseRetryAfter(undefined, now), undefined);
});

test('a budget that is used up ends at once, not after another wait', async () => {
  const budget = new RetryBudget({ firstMs: 1, maxMs: 1, totalMs: 500 });
  const begin = performance.now();
  let tries = 0;
  while (await budget.waitToRetry(failure, never)) tries += 1;
  assert.ok(tries > 1);
  assert.ok(performance.now() - begin < 5_000);
});

test('a Retry-After beyond the budget ends the retries at once', async () => {
  assert.is(await new RetryBudget().waitToRetry(new TransientFailure('busy', 91_000), never), false);
});

test('a server that asks to be asked again at once is not, and one that asks for a wait gets a longer one', async () => {
  const limits = { firstMs: 40, maxMs: 40, leastMs: 40, totalMs: 10_000 };
  const waited = async (retryAfter: number) => {
    const begin = performance.now();
    await new RetryBudget(limits).waitToRetry(new TransientFailure('busy', retryAfter), never);
    return performance.now() - begin;
  };
  assert.ok((await waited(0)) >= 39);
  assert.ok((await waited(100)) > 99.5);
});

test('a server that asks for years, or for more than any number, is asked again within minutes', async () => {
  for (const header of ['1000000000', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']) {
    const retryAfter = parseRetryAfter(header, Date.now());
    const failure = new TransientFailure('busy', retryAfter);
    const wouldWait = (totalMs: number) => {
      const stop = AbortSignal.abort(new Error('it would wait'));
      return new RetryBudget({ ...defaultRetryLimits, totalMs }).waitToRetry(failure, stop);
    };
    assert.is(await wouldWait(299_000), false, header);
    const error: unknown = await wouldWait(311_000).catch((thrown: unknown) => thrown);
    assert.is((error as Error).message, 'it would wait', header);
  }
});

test('progress restores the budget', async () => {
  const budget = new RetryBudget({ firstMs: 1, maxMs: 1, totalMs: 50 });
  await budget.waitToRetry(failure, never);
  budget.progress();
  assert.is(budget.attempts, 0);
});

test('a wait ends at once when the run is cancelled', async () => {
  const cancel = new AbortController();
  const waiting = new RetryBudget().waitToRetry(new TransientFailure('busy', 60_000), cancel.signal);
  cancel.abort(new Error('cancelled'));
  const error: unknown = await waiting.catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, 'cancelled');
});

test.run();
