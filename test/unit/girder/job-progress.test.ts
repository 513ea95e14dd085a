import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProgressChanges } from '../../../src/girder/job/job-status.ts';

test('only what Girder does not know yet is sent', () => {
  const progress = new ProgressChanges();
  assert.ok(progress.isEmpty);
  progress.set({ message: 'pulling', total: 100, current: 1 });
  const first = progress.changes();
  assert.equal(first, { progressMessage: 'pulling', progressCurrent: 1, progressTotal: 100 });
  progress.sent(first);
  progress.set({ message: 'pulling', current: 2 });
  assert.equal(progress.changes(), { progressCurrent: 2 });
});

test('what changes while a request is under way is sent with the next one', () => {
  const progress = new ProgressChanges();
  progress.set({ current: 1 });
  const underWay = progress.changes();
  progress.set({ current: 2 });
  progress.sent(underWay);
  assert.equal(progress.changes(), { progressCurrent: 2 });
});

test('what is no number is no progress', () => {
  const progress = new ProgressChanges();
  progress.set({ current: NaN, total: Infinity });
  assert.ok(progress.isEmpty);
});

test.run();
