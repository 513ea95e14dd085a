import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnreachable } from '../../../src/docker/engine-error.ts';
import { CancelAwareDeadline } from '../../../src/docker/remove-container.ts';

/** Less than the 5 s of a deadline that is not shortened. */
const soonMs = 4_000;

/** The milliseconds until the deadline, at most {@link soonMs}. */
async function endOf(deadline: CancelAwareDeadline): Promise<number> {
  const begin = Date.now();
  while (!deadline.signal.aborted && Date.now() - begin < soonMs) await sleep(5);
  return Date.now() - begin;
}

test('without a cancel the usual time applies', async () => {
  using deadline = new CancelAwareDeadline({ usualMs: 60, afterCancelMs: 1 }, new AbortController().signal);
  assert.ok((await endOf(deadline)) >= 50);
  assert.ok(isUnreachable(deadline.signal.reason), 'it counts as a timeout');
});

test('a cancel shortens the deadline, before or after its start', async () => {
  using before = new CancelAwareDeadline({ usualMs: 5_000, afterCancelMs: 30 }, AbortSignal.abort());
  assert.ok((await endOf(before)) < soonMs);
  using later = new CancelAwareDeadline({ usualMs: 5_000, afterCancelMs: 30 }, AbortSignal.timeout(30));
  assert.not(later.signal.aborted);
  assert.ok((await endOf(later)) < soonMs);
});

test('a cancel never extends the deadline', async () => {
  using deadline = new CancelAwareDeadline({ usualMs: 30, afterCancelMs: 5_000 }, AbortSignal.abort());
  assert.ok((await endOf(deadline)) < soonMs);
});

test('a disposed deadline never aborts', async () => {
  const cancel = new AbortController();
  const deadline = new CancelAwareDeadline({ usualMs: 20, afterCancelMs: 20 }, cancel.signal);
  deadline[Symbol.dispose]();
  cancel.abort();
  await sleep(60);
  assert.not(deadline.signal.aborted);
});

test.run();
