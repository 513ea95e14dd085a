import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { type Observed } from '../../../src/controller/observe/observed.ts';
import type { ObservedJob, ObservedPod } from '../../../src/controller/observe/observed.ts';
import {
  after,
  aJob,
  anObservation,
  aPod,
  aRun,
  jobEnd,
  creationOf,
  decided,
} from '../../fixtures/builders.ts';
import { condition } from '../../fixtures/builders-status.ts';

const running = aPod({ kind: 'running' }, { podIP: '10.0.0.7', phase: 'Running' });
const withJob: DockerRunStatus = { phase: 'Running', jobName: aJob().name, podName: running.name };

/** A pod whose worker has reported that it was stopped. */
function stopped(): ObservedPod {
  const report = { phase: 'Failed', reason: 'Cancelled', message: 'stopped by SIGTERM' } as const;
  return aPod({ kind: 'terminated', exitCode: 71, reason: 'Error', report }, { phase: 'Failed' });
}

function observe(
  spec: Partial<DockerRunSpec>,
  rest: { job?: Partial<ObservedJob> | undefined; pods?: ObservedPod[]; status?: DockerRunStatus } = {},
): Observed {
  const job = rest.job === undefined ? undefined : aJob(rest.job);
  return anObservation({ run: aRun({ spec, status: rest.status ?? {} }), job, pods: rest.pods ?? [] });
}

test('a run that is cancelled before it has a Job ends at once', () => {
  const { actions, status } = decided(observe({ cancel: true }), after(10), {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Cancelled');
  assert.is(status?.reason, 'Cancelled');
  assert.is(condition(status, 'Failed')?.status, 'True');
  assert.is(status?.completionTime, after(10).toISOString());
});

test('the Job of a cancelled run is deleted, and the run does not end before its pod', () => {
  const { actions, status } = decided(
    observe({ cancel: true }, { job: {}, pods: [running], status: withJob }),
    after(10),
    {},
  );
  assert.equal(actions, [{ kind: 'deleteJob', name: aJob().name, uid: 'job-uid', waits: true }]);
  assert.is(status?.phase, 'Running');
  assert.is(status?.reason, 'Cancelling');
});

test('a Job is not deleted before the status names it, so that a crash between the two loses nothing', () => {
  const { actions, status, requeueAfterMs } = decided(
    observe({ cancel: true }, { job: {}, pods: [running] }),
    after(10),
    {},
  );
  assert.equal(actions, []);
  assert.is(status?.reason, 'Cancelling');
  assert.is(status?.jobName, aJob().name);
  assert.is(requeueAfterMs, 0);
});

test('a Job that is being deleted is not deleted again', () => {
  const job = { deletionTimestamp: after(9).toISOString() };
  const { actions } = decided(
    observe({ cancel: true }, { job, pods: [running], status: withJob }),
    after(10),
    {},
  );
  assert.equal(actions, []);
});

test('a cancelled run ends as Cancelled when its worker has ended', () => {
  const job = { deletionTimestamp: after(9).toISOString() };
  const { status } = decided(
    observe({ cancel: true }, { job, pods: [stopped()], status: withJob }),
    after(10),
    {},
  );
  assert.is(status?.phase, 'Cancelled');
  assert.match(status?.message ?? '', /spec\.cancel/);
});

test('a cancel after the success has no effect', () => {
  const report = { phase: 'Succeeded', message: 'The target ended with exit code 0.' } as const;
  const pod = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report }, { phase: 'Succeeded' });
  assert.is(
    decided(observe({ cancel: true }, { job: {}, pods: [pod] }), after(10), {}).status?.phase,
    'Succeeded',
  );
  const ended = { finished: jobEnd(true) };
  assert.is(decided(observe({ cancel: true }, { job: ended }), after(10), {}).status?.phase, 'Succeeded');
});

test('a cancelled run on a node that does not answer ends, and its message says so', () => {
  const pod = { ...running, deletionTimestamp: after(10).toISOString() };
  const job = { deletionTimestamp: after(9).toISOString() };
  const { status } = decided(
    observe({ cancel: true }, { job, pods: [pod], status: withJob }),
    after(200),
    {},
  );
  assert.is(status?.phase, 'Cancelled');
  assert.match(status?.message ?? '', /node-1 does not answer/);
});

test('a run that is created suspended gets no Job', () => {
  const { actions, status } = decided(observe({ suspend: true }), after(10), {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Suspended');
  assert.is(condition(status, 'Suspended')?.status, 'True');
  assert.is(condition(status, 'Reconciling')?.reason, 'Suspended');
});

test('an invalid spec fails even a suspended run at once', () => {
  const { status } = decided(observe({ suspend: true, args: ['$(nothing)'] }), after(10), {});
  assert.is(status?.reason, 'InvalidSpec');
});

test('the Job of a suspended run is suspended, and the run is Suspended when its pod is gone', () => {
  const first = decided(
    observe({ suspend: true }, { job: {}, pods: [running], status: withJob }),
    after(10),
    {},
  );
  assert.equal(first.actions, [{ kind: 'suspendJob', name: aJob().name, uid: 'job-uid' }]);
  assert.is(first.status?.reason, 'Suspending');
  const job = { suspendedBy: 'operator' } as const;
  const then = decided(observe({ suspend: true }, { job, pods: [], status: withJob }), after(12), {});
  assert.equal(then.actions, []);
  assert.is(then.status?.phase, 'Suspended');
});

test('a run is resumed when its last pod is gone, and its start deadline counts from then', () => {
  const job = { suspendedBy: 'operator' } as const;
  const pod = { ...stopped(), deletionTimestamp: after(9).toISOString() };
  const ending = decided(observe({ suspend: false }, { job, pods: [pod] }), after(10), {});
  assert.equal(ending.actions, []);
  const { status } = decided(observe({ suspend: true }, { job }), after(11), {});
  const gone = decided(observe({}, { job, status: status ?? {} }), after(5000), {});
  assert.equal(gone.actions, [{ kind: 'resumeJob', name: aJob().name, uid: 'job-uid' }]);
  assert.is(condition(gone.status, 'Suspended')?.status, 'False');
  const next = observe({ startDeadlineSeconds: 60 }, { job: {}, status: gone.status ?? {} });
  assert.is(decided(next, after(5059), {}).status?.phase, 'Pending');
});

test('a resumed run is not Retrying while it has no pod yet', () => {
  const job = { suspendedBy: 'operator' } as const;
  const had = {
    ...withJob,
    attemptHistory: [{ podUID: 'a', podName: 'a', startTime: after(2).toISOString() }],
  };
  const suspended = decided(observe({ suspend: true }, { job, status: had }), after(10), {}).status;
  const resumed = decided(observe({}, { job, status: suspended ?? {} }), after(20), {}).status;
  for (const status of [suspended, resumed])
    assert.is(
      decided(observe({}, { job: {}, status: status ?? {} }), after(21), {}).status?.reason,
      'Pending',
    );
  const withLostPod = (backoffLimit: number) =>
    decided(observe({ backoffLimit }, { job: {}, status: had }), after(21), {}).status?.reason;
  assert.is(withLostPod(1), 'Retrying');
  assert.is(withLostPod(0), 'Pending', 'there is no retry to wait for');
});

test('a run that was created suspended gets its Job when it is resumed, however late that is', () => {
  const { status } = decided(observe({ suspend: true }), after(10), {});
  const { actions } = decided(observe({}, { status: status ?? {} }), after(9_000), {});
  assert.equal(actions, [creationOf(aRun())]);
});

test('a Job that a queue suspends is left alone', () => {
  const job = { suspendedBy: 'other', isQueued: true } as const;
  const { actions, status } = decided(observe({}, { job }), after(9_000), {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Suspended');
  assert.is(status?.reason, 'Queued');
});

test('the Job of a run in a queue is deleted to suspend it, and it gets a new one when it is resumed', () => {
  const inQueue = { job: { isQueued: true }, pods: [running] };
  const first = decided(observe({ suspend: true }, { ...inQueue, status: withJob }), after(10), {});
  assert.equal(first.actions, [], 'the reason is stored before the Job is deleted');
  assert.is(first.status?.reason, 'Suspending');
  assert.is(first.requeueAfterMs, 0);
  const { actions } = decided(
    observe({ suspend: true }, { ...inQueue, status: first.status ?? {} }),
    after(10),
    {},
  );
  assert.equal(actions, [{ kind: 'deleteJob', name: aJob().name, uid: 'job-uid', waits: true }]);
  const without = decided(observe({ suspend: true }, { status: withJob }), after(12), {});
  assert.is(without.status?.phase, 'Suspended');
  const again = decided(observe({}, { status: without.status ?? {} }), after(13), {});
  assert.equal(again.actions, [creationOf(aRun())]);
});

test('a run in a queue ends when somebody deletes its Job, as any other run does', () => {
  const job = { suspendedBy: 'other', isQueued: true } as const;
  const { status = {} } = decided(observe({}, { job }), after(10), {});
  assert.is(decided(observe({}, { status }), after(12), {}).status?.reason, 'JobDeleted');
});

test('a pod that failed before the suspension does not prevent the resume', () => {
  const job = { suspendedBy: 'operator' } as const;
  const { actions } = decided(observe({}, { job, pods: [stopped()], status: withJob }), after(500), {});
  assert.equal(actions, [{ kind: 'resumeJob', name: aJob().name, uid: 'job-uid' }]);
});

test('a resumed run whose old pod is lost with its node fails, and a suspended one waits', () => {
  const pod = { ...running, deletionTimestamp: after(10).toISOString() };
  const at = (seconds: number, spec: Partial<DockerRunSpec>) =>
    decided(
      observe(spec, { job: { suspendedBy: 'operator' }, pods: [pod], status: withJob }),
      after(seconds),
      {},
    );
  assert.is(at(100, {}).status?.reason, 'Suspending');
  assert.is(at(200, {}).status?.reason, 'WorkerLost');
  const { status } = at(200, { suspend: true });
  assert.is(status?.reason, 'Suspending');
  assert.match(status?.message ?? '', /being suspended, but pod .* node node-1 does not answer/);
});

test('a run in a queue that is suspended and resumed at once waits for the deletion of its Job and gets a new one', () => {
  const job = { isQueued: true, deletionTimestamp: after(9).toISOString() };
  const status = { ...withJob, reason: 'Suspending' };
  const ending = decided(observe({}, { job, pods: [running], status }), after(10), {});
  assert.equal(ending.actions, []);
  assert.is(ending.status?.reason, 'Suspending');
  const failed = { ...job, finished: jobEnd(false) };
  assert.is(decided(observe({}, { job: failed, status }), after(11), {}).status?.reason, 'Suspending');
  const gone = decided(observe({}, { status: ending.status ?? {} }), after(12), {});
  assert.equal(gone.actions, [creationOf(aRun())]);
});

test('a resumed run whose new Job is refused temporarily waits for it until its start deadline', () => {
  const suspended = decided(observe({ suspend: true }, { status: withJob }), after(10), {}).status ?? {};
  const spec = { startDeadlineSeconds: 60 };
  const jobRefusal = { message: 'exceeded quota', permanent: false };
  const refused = { ...observe(spec, { status: suspended }), jobRefusal };
  const { status = {} } = decided(refused, after(5_000), {});
  assert.is(status.reason, 'Resumed');
  assert.match(status.message ?? '', /exceeded quota/);
  assert.equal(decided(observe(spec, { status }), after(5_059), {}).actions, [creationOf(aRun({ spec }))]);
  const late = decided(observe(spec, { status }), after(5_061), {}).status;
  assert.is(late?.reason, 'StartDeadlineExceeded');
  assert.match(late?.message ?? '', /exceeded quota/);
});

test('a run that is resumed before it was suspended completely has its full start deadline for its new Job', () => {
  const inQueue = { job: { isQueued: true }, pods: [running], status: withJob };
  const suspending = decided(observe({ suspend: true }, inQueue), after(4_000), {}).status ?? {};
  assert.is(condition(suspending, 'Suspended')?.status, 'Unknown');
  const spec = { startDeadlineSeconds: 60 };
  const jobRefusal = { message: 'exceeded quota', permanent: false };
  const { status = {} } = decided({ ...observe(spec, { status: suspending }), jobRefusal }, after(5_000), {});
  assert.is(status.reason, 'Resumed');
  assert.is(condition(status, 'Suspended')?.status, 'False');
  assert.equal(decided(observe(spec, { status }), after(5_059), {}).actions, [creationOf(aRun({ spec }))]);
  assert.is(decided(observe(spec, { status }), after(5_061), {}).status?.reason, 'StartDeadlineExceeded');
});

test('a suspended Job that did not count the success of its run is deleted, so that a queue does not run it again', () => {
  const status = { ...withJob, phase: 'Succeeded', completionTime: after(5).toISOString() } as const;
  const actionsWith = (job: Partial<ObservedJob>) =>
    decided(observe({}, { job, status }), after(10), {}).actions;
  assert.equal(actionsWith({}), []);
  assert.equal(actionsWith({ suspendedBy: 'other' }), [
    { kind: 'deleteJob', name: aJob().name, uid: 'job-uid' },
  ]);
});

test('a cancelled run ends as Cancelled even if its Job fails because its pod never ran', () => {
  const pod = aPod({ kind: 'waiting', reason: '', message: '' }, { phase: 'Failed' });
  const job = { finished: jobEnd(false), deletionTimestamp: after(9).toISOString() };
  const ending = decided(observe({ cancel: true }, { job, pods: [pod], status: withJob }), after(10), {});
  assert.is(ending.status?.reason, 'Cancelling');
  const gone = decided(observe({ cancel: true }, { status: withJob }), after(11), {});
  assert.is(gone.status?.phase, 'Cancelled');
});

test('cancel takes precedence over suspend', () => {
  assert.is(decided(observe({ cancel: true, suspend: true }), after(10), {}).status?.phase, 'Cancelled');
});

test('a disrupted pod is replaced and is not a failed attempt', () => {
  const disruption = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  const { status } = decided(observe({}, { job: {}, pods: [{ ...stopped(), disruption }] }), after(10), {});
  assert.is(status?.phase, 'Pending');
  assert.is(status?.reason, 'Retrying');
  assert.match(status?.message ?? '', /EvictionByEvictionAPI/);
});

test.run();
