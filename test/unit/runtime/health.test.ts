import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { liveness, type Vitals } from '../../../src/runtime/health.ts';

const minute = 60_000;
const now = 1_000 * minute;

/** A controller that works: something ended a moment ago, and every watch is heard. */
function vitals(changes: Partial<Vitals> = {}): Vitals {
  const watches = ['dockerruns', 'jobs'].map((resource) => ({ resource, lastSignAt: now - minute }));
  return { oldestWaitingAt: undefined, oldestActiveAt: undefined, lastFinishedAt: now, watches, ...changes };
}

test('a process with nothing to do is alive, however long ago it did something', () => {
  assert.is(liveness(vitals({ lastFinishedAt: 0 }), now), undefined);
});

test('a process that works is alive, also while runs wait long for their turn', () => {
  const busy = { oldestActiveAt: now - 2 * minute, oldestWaitingAt: now - 20 * minute };
  assert.is(liveness(vitals({ ...busy, lastFinishedAt: now - minute }), now), undefined);
});

test('a reconcile that goes on for minutes will not end, and /healthz says how long it has', () => {
  const wrong = liveness(vitals({ oldestActiveAt: now - 6 * minute }), now);
  assert.is(wrong, 'a run has been reconciled for 360 s without an end');
});

test('runs that wait for minutes while none is reconciled are a reason', () => {
  const stuck = { oldestWaitingAt: now - 7 * minute, lastFinishedAt: now - 8 * minute };
  assert.is(
    liveness(vitals(stuck), now),
    'runs have been waiting for 420 s, and none was reconciled for 480 s',
  );
});

test('a run that came a moment ago after a long quiet time is no reason', () => {
  assert.is(liveness(vitals({ oldestWaitingAt: now - minute, lastFinishedAt: 0 }), now), undefined);
});

test('a watch without any sign of life for minutes is a reason, and is named', () => {
  const watches = [
    { resource: 'dockerruns', lastSignAt: now },
    { resource: 'pods', lastSignAt: now - 13 * minute },
  ];
  assert.is(liveness(vitals({ watches }), now), 'the watch of pods gave no sign of life for 780 s');
});

test('a limit that is just reached is not exceeded', () => {
  const watches = [{ resource: 'pods', lastSignAt: now - 12 * minute }];
  assert.is(liveness(vitals({ oldestActiveAt: now - 5 * minute, watches }), now), undefined);
});

test.run();
