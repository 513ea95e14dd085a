import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Attempt, maxAttempts } from '../../../src/api/status.ts';
import { attemptHistory, closed, countAttempts } from '../../../src/controller/decide/attempts.ts';
import { after, aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const failed = aPod(
  {
    kind: 'terminated',
    exitCode: 69,
    reason: 'Error',
    report: { phase: 'Failed', reason: 'TargetFailed', message: 'exit code 3', target: { exitCode: 3 } },
  },
  { phase: 'Failed' },
);
const anAttempt = (podUID: string): Attempt => ({
  podUID,
  podName: podUID,
  startTime: after(1).toISOString(),
});

test("an ended pod is an attempt with a completion time, a reason and the target's exit code", () => {
  const [attempt] = attemptHistory([], anObservation({ job: aJob(), pods: [failed] }), after(9));
  assert.equal(attempt, {
    podUID: 'pod-uid',
    podName: failed.name,
    nodeName: 'node-1',
    startTime: failed.creationTimestamp,
    completionTime: after(9).toISOString(),
    reason: 'TargetFailed',
    message: 'exit code 3',
    exitCode: 3,
  });
});

test('an attempt that a suspension ended stays Suspended while its pod still exists after the resume', () => {
  const report = { phase: 'Failed', reason: 'Cancelled', message: 'stopped by SIGTERM' } as const;
  const pod = aPod({ kind: 'terminated', exitCode: 71, reason: 'Error', report }, { phase: 'Failed' });
  const suspended = anObservation({ run: aRun({ spec: { suspend: true } }), job: aJob(), pods: [pod] });
  const once = attemptHistory([], suspended, after(9));
  assert.is(once[0]?.reason, 'Suspended');
  const run = aRun({ status: { phase: 'Running', reason: 'Running' } });
  assert.equal(attemptHistory(once, anObservation({ run, job: aJob(), pods: [pod] }), after(20)), once);
});

test('observing an ended pod again adds no attempt and changes no end', () => {
  const observed = anObservation({ job: aJob(), pods: [failed] });
  const once = attemptHistory([], observed, after(9));
  assert.equal(attemptHistory(once, observed, after(20)), once);
});

test('an attempt with a disruption has the reason of the disruption', () => {
  const disruption = { reason: 'PreemptionByScheduler', message: 'preempted' };
  const pods = [{ ...failed, disruption }];
  const [attempt] = attemptHistory([], anObservation({ pods }), after(9));
  assert.is(attempt?.reason, 'PreemptionByScheduler');
  assert.is(attempt?.exitCode, 3);
});

test('a pod that disappeared without a report was lost, suspended or cancelled, according to the run', () => {
  const reasonOf = (spec: object) =>
    attemptHistory([anAttempt('a')], anObservation({ run: aRun({ spec }) }), after(9))[0]?.reason;
  assert.is(reasonOf({}), 'WorkerLost');
  assert.is(reasonOf({ suspend: true }), 'Suspended');
  assert.is(reasonOf({ cancel: true }), 'Cancelled');
});

test('a terminated pod counts as suspended when its run is, until the Job is resumed', () => {
  const report = { phase: 'Cancelled', reason: 'Cancelled', message: 'stopped by SIGTERM' } as const;
  const pods = [aPod({ kind: 'terminated', exitCode: 71, reason: 'Error', report })];
  const reasonOf = (spec: object, suspendedBy: 'operator' | undefined) => {
    const observed = anObservation({ run: aRun({ spec }), job: aJob({ suspendedBy }), pods });
    return attemptHistory([], observed, after(9))[0]?.reason;
  };
  assert.is(reasonOf({ suspend: true }, undefined), 'Suspended');
  assert.is(reasonOf({ suspend: false }, 'operator'), 'Suspended');
  assert.is(reasonOf({}, undefined), 'Cancelled');
  assert.is(reasonOf({ cancel: true, suspend: true }, 'operator'), 'Cancelled');
});

test('an attempt that disappeared with its suspended Job was suspended, even if the run is resumed by now', () => {
  const before = [{ ...anAttempt('pod-uid'), startTime: after(1).toISOString() }];
  const reasonWhile = (reason: string) => {
    const run = aRun({ spec: { suspend: false }, status: { reason } });
    return attemptHistory(before, anObservation({ run }), after(9))[0]?.reason;
  };
  assert.is(reasonWhile('Suspending'), 'Suspended');
  assert.is(reasonWhile('Resumed'), 'Suspended');
  assert.is(reasonWhile('Running'), 'WorkerLost');
});

test('a stopped attempt has the message of the stop, not that of its worker', () => {
  const report = { phase: 'Failed', reason: 'Cancelled', message: 'Apply it again.' } as const;
  const pods = [aPod({ kind: 'terminated', exitCode: 71, reason: 'Error', report })];
  const messageOf = (spec: object) =>
    attemptHistory([], anObservation({ run: aRun({ spec }), pods }), after(9))[0]?.message;
  assert.is(messageOf({ suspend: true }), 'The run was suspended.');
  assert.is(messageOf({ cancel: true }), 'The run was cancelled.');
  assert.is(messageOf({}), 'Apply it again.');
});

test('every pod is counted once, also those that the history dropped and those that were never observed', () => {
  const pods = Array.from({ length: maxAttempts + 3 }, (_, index) => ({
    ...failed,
    uid: `pod-${index}`,
    name: `pod-${String(index).padStart(2, '0')}`,
    creationTimestamp: after(index).toISOString(),
  }));
  const observed = anObservation({ pods });
  assert.is(countAttempts({}, observed), pods.length);
  const status = { attempts: pods.length, attemptHistory: attemptHistory([], observed, after(99)) };
  assert.is(countAttempts(status, observed), pods.length);
  assert.is(countAttempts(status, anObservation({ pods: [] })), pods.length);
  const next = { ...failed, uid: 'next', creationTimestamp: after(50).toISOString() };
  assert.is(countAttempts(status, anObservation({ pods: [...pods, next] })), pods.length + 1);
  assert.is(countAttempts({}, anObservation({ job: aJob({ endedPods: 2 }), pods: [failed] })), 2);
});

test('an evicted pod that is gone and its replacement count as two attempts', () => {
  const status = { attempts: 1, attemptHistory: [anAttempt('evicted')] };
  assert.is(countAttempts(status, anObservation({ job: aJob(), pods: [failed] })), 2);
});

test('in the history of an ended run, every attempt has ended', () => {
  const ended = { ...anAttempt('a'), completionTime: after(2).toISOString(), reason: 'TargetFailed' };
  const [first, second] = closed(
    [ended, anAttempt('b')],
    { reason: 'JobDeleted', message: 'gone' },
    after(9),
  );
  assert.equal(first, ended);
  assert.equal(second, {
    ...{ ...anAttempt('b'), completionTime: after(9).toISOString(), reason: 'JobDeleted', message: 'gone' },
  });
});

test('the oldest attempts are dropped first', () => {
  const many = Array.from({ length: maxAttempts }, (_, index) => ({
    ...anAttempt(`pod-${index}`),
    completionTime: after(2).toISOString(),
  }));
  const history = attemptHistory(many, anObservation({ pods: [failed] }), after(9));
  assert.is(history.length, maxAttempts);
  assert.is(history[0]?.podUID, 'pod-1');
  assert.is(history.at(-1)?.podUID, 'pod-uid');
});

test('with more pods than the history can hold, it keeps the newest in their order, however often they are observed', () => {
  const pods = Array.from({ length: maxAttempts + 3 }, (_, index) => ({
    ...failed,
    uid: `pod-${index}`,
    name: `pod-${String(index).padStart(2, '0')}`,
    creationTimestamp: after(Math.floor(index / 2)).toISOString(),
  }));
  const once = attemptHistory([], anObservation({ pods }), after(99));
  assert.equal(
    once.map(({ podUID }) => podUID),
    pods.slice(3).map(({ uid }) => uid),
  );
  assert.equal(attemptHistory(once, anObservation({ pods }), after(120)), once);
});

test.run();
