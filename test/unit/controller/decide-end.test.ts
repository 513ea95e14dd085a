import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { type Observed } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aPod, aRun, jobEnd, decided } from '../../fixtures/builders.ts';
import { condition } from '../../fixtures/builders-status.ts';

const now = after(100);

/** A run whose Job ended, and whose worker left `report`. */
function endedRun(succeeded: boolean, report: Report | undefined, more: Partial<Observed> = {}): Observed {
  const pod = aPod({ kind: 'terminated', exitCode: succeeded ? 0 : 137, reason: 'Error', report });
  return anObservation({ job: aJob({ finished: jobEnd(succeeded, 'gave up') }), pods: [pod], ...more });
}

test('a complete Job makes the run succeed, with the results that the worker reported', () => {
  const results = [{ hook: 0, itemId: 'i', fileId: 'f', name: 'mask', size: 3, sha256: '00' }];
  const report: Report = { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.', results };
  const { actions, status, requeueAfterMs } = decided(endedRun(true, report), now, {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Succeeded');
  assert.is(status?.message, 'Done.');
  assert.equal(status?.results, results);
  assert.is(status?.completionTime, jobEnd(true).at);
  assert.is(condition(status, 'Complete')?.status, 'True');
  assert.is(condition(status, 'Failed'), undefined);
  assert.is(condition(status, 'Reconciling'), undefined);
  assert.is(requeueAfterMs, undefined);
});

test('a complete Job makes the run succeed even if its pod is gone', () => {
  const { status } = decided(endedRun(true, undefined, { pods: [] }), now, {});
  assert.is(status?.phase, 'Succeeded');
});

test('a failed Job fails the run with the termination message of its worker', () => {
  const target = { containerID: 'c', exitCode: 3 };
  const report: Report = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with 3.', target };
  const { status } = decided(endedRun(false, report), now, {});
  assert.is(status?.phase, 'Failed');
  assert.is(status?.reason, 'TargetFailed');
  assert.is(status?.message, 'It ended with 3.');
  assert.equal(status?.target, target);
  assert.is(condition(status, 'Failed')?.reason, 'TargetFailed');
  assert.is(condition(status, 'Stalled')?.status, 'True');
  assert.is(condition(status, 'Accepted')?.status, 'True');
});

test('the report of the last worker counts even if its pod is gone when the Job ends', () => {
  const ended = { startTime: after(1).toISOString(), completionTime: after(9).toISOString() };
  const endOf = (reason: string) => {
    const attempt = { podUID: 'u', podName: 'p', ...ended, reason, message: 'stopped by SIGTERM' };
    const run = aRun({ status: { phase: 'Running', podName: 'p', attemptHistory: [attempt] } });
    return decided(endedRun(false, undefined, { run, pods: [] }), now, {}).status;
  };
  assert.is(endOf('Cancelled')?.phase, 'Cancelled');
  assert.is(endOf('Cancelled')?.message, 'stopped by SIGTERM');
  assert.is(endOf('TargetFailed')?.reason, 'TargetFailed');
  for (const reason of ['WorkerLost', 'EvictionByEvictionAPI'])
    assert.match(endOf(reason)?.message ?? '', /The pod is gone; its Job reports: gave up/);
});

test('the termination message is that of the last worker that ended', () => {
  const failure = (reason: string): Report => ({ phase: 'Failed', reason, message: reason });
  const pods = ['DownloadFailed', 'TargetFailed'].map((reason) =>
    aPod({ kind: 'terminated', exitCode: 69, reason: 'Error', report: failure(reason) }, { name: reason }),
  );
  const { status } = decided(endedRun(false, undefined, { pods }), now, {});
  assert.is(status?.reason, 'TargetFailed');
  assert.is(status?.attempts, 2);
});

test('a worker that was killed without a termination message is lost, and the message shows what is known', () => {
  const observed = endedRun(false, undefined);
  const pods = observed.pods.map((pod) => ({ ...pod, reason: 'Evicted', message: 'low on memory' }));
  const { status } = decided({ ...observed, pods }, now, {});
  assert.is(status?.reason, 'WorkerLost');
  assert.match(status?.message ?? '', /on node node-1 .* ended with Error 137 \(Evicted, low on memory\)/);
});

test('a report with an unknown reason does not count as a termination message', () => {
  const report: Report = { phase: 'Failed', reason: 'Nonsense', message: 'x' };
  assert.is(decided(endedRun(false, report), now, {}).status?.reason, 'WorkerLost');
});

test('a failed Job without a pod fails the run with the message of the Job', () => {
  const { status } = decided(endedRun(false, undefined, { pods: [] }), now, {});
  assert.is(status?.reason, 'WorkerLost');
  assert.match(status?.message ?? '', /its Job reports: gave up/);
});

const ended: DockerRunStatus = {
  phase: 'Failed',
  reason: 'StartDeadlineExceeded',
  completionTime: after(90).toISOString(),
};

test('the Job of an ended run is deleted if it still runs, and the status stays', () => {
  const observed = anObservation({ run: aRun({ status: ended }), job: aJob() });
  const { actions, status } = decided(observed, now, {});
  assert.equal(actions, [{ kind: 'deleteJob', name: 'segment-0b9ad1c6', uid: 'job-uid' }]);
  assert.is(status, undefined);
  const finished = { ...observed, job: aJob({ finished: jobEnd(true) }) };
  assert.equal(decided(finished, now, {}), {
    actions: [],
    status: undefined,
    event: undefined,
    requeueAfterMs: undefined,
  });
});

test('a run is deleted when its time to live is over, and not before', () => {
  const run = aRun({ spec: { ttlSecondsAfterFinished: 60 }, status: ended });
  assert.equal(decided(anObservation({ run }), after(149), {}), {
    actions: [],
    status: undefined,
    event: undefined,
    requeueAfterMs: 1_000,
  });
  assert.equal(decided(anObservation({ run }), after(150), {}).actions, [{ kind: 'deleteRun' }]);
});

test('a time to live of 0 deletes a run as soon as it has ended', () => {
  const run = aRun({ spec: { ttlSecondsAfterFinished: 0 }, status: ended });
  assert.equal(decided(anObservation({ run }), after(90), {}).actions, [{ kind: 'deleteRun' }]);
});

test('a run without a time to live is never deleted', () => {
  const observed = anObservation({ run: aRun({ status: ended }) });
  assert.equal(decided(observed, after(1e9), {}), {
    actions: [],
    status: undefined,
    event: undefined,
    requeueAfterMs: undefined,
  });
});

test.run();
