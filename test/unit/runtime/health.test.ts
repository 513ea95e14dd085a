import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { liveness, type Vitals } from '../../../src/runtime/health.ts';

const minute = 60_000;
const now = 1_000 * minute;

/** A healthy controller: a reconcile has just finished, and every watch receives events. */
function vitals(changes: Partial<Vitals> = {}): Vitals {
  const watches = ['dockerruns', 'jobs'].map((resource) => ({ resource, lastSignAt: now - minute }));
  return { oldestWaitingAt: undefined, oldestActiveAt: undefined, lastFinishedAt: now, watches, ...changes };
}

test('an idle process is alive, however long ago its last reconcile was', () => {
  assert.is(liveness(vitals({ lastFinishedAt: 0 }), now), undefined);
});

test('a busy process is alive, even while runs wait for a long time', () => {
  const busy = { oldestActiveAt: now - 2 * minute, oldestWaitingAt: now - 20 * minute };
  assert.is(liveness(vitals({ ...busy, lastFinishedAt: now - minute }), now), undefined);
});

test('a reconcile that takes more than five minutes fails liveness, and the reason says how long it has run', () => {
  const wrong = liveness(vitals({ oldestActiveAt: now - 6 * minute }), now);
  assert.is(wrong, 'a reconcile has been running for 360 s');
});

test('runs that wait for minutes while no reconcile finishes fail liveness', () => {
  const stuck = { oldestWaitingAt: now - 7 * minute, lastFinishedAt: now - 8 * minute };
  assert.is(
    liveness(vitals(stuck), now),
    'runs have been waiting for 420 s, and no reconcile has finished for 480 s',
  );
});

test('a new run after a long idle time does not fail liveness', () => {
  assert.is(liveness(vitals({ oldestWaitingAt: now - minute, lastFinishedAt: 0 }), now), undefined);
});

test('a watch without a sign of life for more than twelve minutes fails liveness, and the reason names it', () => {
  const watches = [
    { resource: 'dockerruns', lastSignAt: now },
    { resource: 'pods', lastSignAt: now - 13 * minute },
  ];
  assert.is(
    liveness(vitals({ watches }), now),
    'the watch of pods has neither received anything nor retried for 780 s',
  );
});

test('a limit that is only just reached is not exceeded', () => {
  const watches = [{ resource: 'pods', lastSignAt: now - 12 * minute }];
  assert.is(liveness(vitals({ oldestActiveAt: now - 5 * minute, watches }), now), undefined);
});

test.run();
