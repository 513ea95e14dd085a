import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  isCancel,
  nextStatus,
  ProgressChanges,
  type SettableStatus,
} from '../../../src/girder/job/job-status.ts';

const wanted: readonly SettableStatus[] = [2, 3, 4, 5];

/** The states that are set one after the other if Girder accepts each. */
function path(from: number, to: SettableStatus): number[] {
  const states: number[] = [];
  for (let next = nextStatus(from, to); next !== undefined; next = nextStatus(next, to)) states.push(next);
  return states;
}

test('a waiting job runs before it succeeds or fails, and is cancelled at once', () => {
  for (const from of [0, 1]) {
    assert.equal(
      wanted.map((to) => path(from, to)),
      [[2], [2, 3], [2, 4], [5]],
    );
  }
});

test('a running job ends as its run did', () => {
  assert.equal(
    wanted.map((to) => path(2, to)),
    [[], [3], [4], [5]],
  );
});

test('a job that is being cancelled becomes CANCELED after a late success, and never RUNNING', () => {
  assert.equal(
    wanted.map((to) => path(824, to)),
    [[], [5], [4], [5]],
  );
});

test('a job that has ended keeps its state', () => {
  for (const from of [3, 4, 5]) for (const to of wanted) assert.equal(path(from, to), []);
});

test('CANCELING and CANCELED both count as a cancel', () => {
  assert.equal(
    [0, 1, 2, 3, 4, 5, 820, 823, 824].filter((status) => isCancel(status)),
    [5, 824],
  );
});

test('only changed progress is sent', () => {
  const progress = new ProgressChanges();
  assert.ok(progress.isEmpty);
  progress.set({ message: 'pulling', total: 100, current: 1 });
  const first = progress.changes();
  assert.equal(first, { progressMessage: 'pulling', progressCurrent: 1, progressTotal: 100 });
  progress.sent(first);
  progress.set({ message: 'pulling', current: 2 });
  assert.equal(progress.changes(), { progressCurrent: 2 });
});

test('progress that changes during a request is sent with the next one', () => {
  const progress = new ProgressChanges();
  progress.set({ current: 1 });
  const underWay = progress.changes();
  progress.set({ current: 2 });
  progress.sent(underWay);
  assert.equal(progress.changes(), { progressCurrent: 2 });
});

test('progress that is not a finite number is ignored', () => {
  const progress = new ProgressChanges();
  progress.set({ current: NaN, total: Infinity });
  assert.ok(progress.isEmpty);
});

test.run();
