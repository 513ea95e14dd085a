import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import type { Observed, ObservedPod } from '../../../src/controller/observe/observed.ts';
import { parsePod } from '../../../src/controller/observe/parse.ts';
import {
  after,
  aJob,
  anObservation,
  aPod,
  aRun,
  decided,
  jobEnd,
  metadata,
} from '../../fixtures/builders.ts';

/** Pods that a kubelet refuses to start, which their Job counts as failures. */

const why = { reason: 'NodeAffinity', message: 'Pod was rejected: Predicate NodeAffinity failed' };
const none = { kind: 'waiting', reason: '', message: '' } as const;
const failedReport = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with 3.' } as const;
const failed = { kind: 'terminated', exitCode: 69, reason: 'Error', report: failedReport } as const;

/** The nth pod of a run, which a node rejected, or whose target failed. */
const rejected = (index: number) =>
  aPod(none, { ...named(index), ...why, disruption: why, isRejected: true, phase: 'Failed' });
const failing = (index: number) => aPod(failed, { ...named(index), phase: 'Failed' });
const named = (index: number) => ({
  ...{ name: `pod-${index}`, uid: `uid-${index}` },
  creationTimestamp: after(10 * index + 5).toISOString(),
});

/** A run whose Job has failed after these pods. */
function failedAfter(
  pods: readonly ObservedPod[],
  {
    spec = {},
    status = {},
    reason = 'FailedIndexes',
  }: { spec?: object; status?: DockerRunStatus; reason?: string } = {},
): Observed {
  const run = aRun({ spec, status: { jobName: aJob().name, ...status } });
  const finished = { ...jobEnd(false, 'Job has failed indexes'), reason };
  const backoffLimit = (run.spec?.backoffLimit ?? 0) - (status.failedAttempts ?? 0);
  return anObservation({ run, job: aJob({ finished, backoffLimit, endedPods: pods.length }), pods });
}

/** Decides until nothing changes, at a time in seconds; returns the last decision. */
function settled(observed: Observed, seconds: number) {
  const first = decided(observed, after(seconds));
  const status = first.status ?? observed.run.status;
  return decided({ ...observed, run: { ...observed.run, status } }, after(seconds + 11));
}

test('the Job of a rejected pod is deleted and made again, with the reason stored before', () => {
  const observed = failedAfter([rejected(0)]);
  const first = decided(observed, after(20));
  assert.equal(first.actions, []);
  assert.is(first.status?.reason, 'PodRejected');
  assert.match(
    first.status?.message ?? '',
    /^Node node-1 rejected pod pod-0 \(NodeAffinity: .*does not use up/,
  );
  assert.is(first.requeueAfterMs, 10_000, 'the pause of a Job');
  const stored = { ...observed.run, status: first.status ?? {} };
  assert.equal(decided({ ...observed, run: stored }, after(29)).actions, []);
  const { actions } = decided({ ...observed, run: stored }, after(30));
  assert.equal(actions, [{ kind: 'deleteJob', name: aJob().name, uid: aJob().uid, waits: true }]);
  const gone = decided(anObservation({ run: stored }), after(31));
  assert.equal(
    gone.actions.map(({ kind }) => kind),
    ['createJob'],
  );
  assert.is(gone.status?.reason, 'Pending');
  assert.is(gone.status?.disruptions, 1);
});

test('a run between its Jobs stays PodRejected while the API server refuses the next Job', () => {
  const first = decided(failedAfter([rejected(0)]), after(20));
  const run = { ...failedAfter([]).run, status: first.status ?? {} };
  const jobRefusal = { message: 'exceeded quota: count/jobs.batch', permanent: false };
  const { status } = decided(anObservation({ run, jobRefusal }), after(31));
  assert.equal([status?.phase, status?.reason], ['Pending', 'PodRejected']);
});

test('each rejection has an Event, which says which node rejected which pod', () => {
  const { event } = decided(failedAfter([rejected(0)]), after(20));
  assert.is(event?.reason, 'PodRejected');
  assert.is(event?.type, 'Warning');
  const next = decided(failedAfter([rejected(1)]), after(50));
  assert.is.not(next.event?.metadata.name, event?.metadata.name);
});

test('attempts that failed by themselves still count against backoffLimit', () => {
  const { status } = decided(
    failedAfter([failing(0), rejected(1)], { spec: { backoffLimit: 1 } }),
    after(20),
  );
  assert.is(status?.reason, 'PodRejected');
  assert.is(status?.failedAttempts, 1);
  const run = aRun({ spec: { backoffLimit: 1 }, status: status ?? {} });
  const [created] = decided(anObservation({ run }), after(31)).actions;
  assert.is(created?.kind === 'createJob' ? created.job.spec?.backoffLimitPerIndex : undefined, 0);
  const running = { ...status, reason: 'Running' } as const;
  const last = failedAfter([failing(2)], { spec: { backoffLimit: 1 }, status: running });
  assert.is(decided(last, after(50)).status?.reason, 'TargetFailed');
});

test('the failures are stored once, however often the Job is looked at', () => {
  const observed = failedAfter([failing(0), rejected(1)], { spec: { backoffLimit: 1 } });
  assert.is(settled(observed, 20).status?.failedAttempts, 1);
});

test('a run whose attempts have used up backoffLimit by themselves ends, whatever else was rejected', () => {
  const observed = failedAfter([rejected(0), failing(1), failing(2)], { spec: { backoffLimit: 1 } });
  assert.is(decided(observed, after(40)).status?.reason, 'TargetFailed');
});

test('a run whose last worker has reported the end keeps it, although a pod before was rejected', () => {
  const observed = failedAfter([rejected(0), failing(1)], { spec: { backoffLimit: 1 } });
  assert.is(decided(observed, after(20)).status?.reason, 'TargetFailed');
});

test('a run waits for its next Job when the pods of the failed one are gone before it', () => {
  const observed = failedAfter([rejected(0)]);
  const run = { ...observed.run, status: decided(observed, after(20)).status ?? {} };
  const { job } = observed;
  const deleting = job && { ...job, deletionTimestamp: after(31).toISOString() };
  const { status, actions } = decided(anObservation({ run, job: deleting }), after(32));
  assert.equal([status?.phase, status?.reason, actions], ['Pending', 'PodRejected', []]);
  const early = decided(anObservation({ run, job }), after(32));
  assert.equal(
    [early.status?.reason, early.actions.map(({ kind }) => kind)],
    ['PodRejected', ['deleteJob']],
    'somebody deleted the pod',
  );
  const later = job && { ...job, creationTimestamp: after(40).toISOString() };
  assert.is(decided(anObservation({ run, job: later }), after(60)).status?.reason, 'WorkerLost');
});

test('rejections under pressure are no evictions', () => {
  const pressure = {
    reason: 'Evicted',
    message: 'Pod was rejected: The node had condition: [DiskPressure]. ',
  };
  const pods = [0, 1].map((index) => ({ ...rejected(index), ...pressure, disruption: pressure }));
  assert.is(decided(failedAfter(pods), after(20)).status?.reason, 'PodRejected');
});

test('a failure that a retry cannot fix ends a run whose earlier pod was rejected', () => {
  const pods = [rejected(0), failing(1)];
  const observed = failedAfter(pods, { spec: { backoffLimit: 3 }, reason: 'PodFailurePolicy' });
  assert.is(decided(observed, after(40)).status?.reason, 'TargetFailed');
});

test('a run is rejected as often as disruptionLimit, and then fails with the reason of the node', () => {
  const { status } = decided(failedAfter([rejected(0)], { spec: { disruptionLimit: 0 } }), after(20));
  assert.is(status?.reason, 'DisruptedTooOften');
  assert.match(status?.message ?? '', /disrupted once.*NodeAffinity: Pod was rejected/);
});

test('a run that is cancelled after its pod was rejected gets no other Job', () => {
  const observed = failedAfter([rejected(0)], {
    spec: { cancel: true },
    status: { reason: 'PodRejected', podName: 'pod-0' },
  });
  const { status, actions } = decided(observed, after(20));
  assert.is(status?.reason, 'Cancelling');
  assert.equal(
    actions.map(({ kind }) => kind),
    ['deleteJob'],
  );
  const gone = { ...observed, run: { ...observed.run, status: status ?? {} }, job: undefined, pods: [] };
  assert.is(decided(gone, after(21)).status?.phase, 'Cancelled');
});

test('while its Job makes the next pod, a run with a rejected one is Retrying and says why', () => {
  const run = aRun({ spec: { backoffLimit: 2 }, status: { jobName: aJob().name } });
  const observed = anObservation({ run, job: aJob({ backoffLimit: 2, endedPods: 1 }), pods: [rejected(0)] });
  const { status } = decided(observed, after(5));
  assert.is(status?.phase, 'Pending');
  assert.match(
    status?.message ?? '',
    /^Pod pod-0 was disrupted \(NodeAffinity: .*; a replacement follows\.$/,
  );
});

const object = {
  metadata: { ...metadata, name: 'pod' },
  spec: { nodeName: 'node-1' },
  status: { phase: 'Failed', ...why, startTime: after(3).toISOString() },
};
const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: '' };
const notRejected: [what: string, object: object][] = [
  ['that runs', { ...object, status: { ...object.status, phase: 'Running' } }],
  ['that was never on a node', { ...object, spec: {} }],
  ['that was evicted', { ...object, status: { ...object.status, conditions: [condition] } }],
  [
    'whose worker ended',
    { ...object, status: { ...object.status, containerStatuses: [{ name: 'worker' }] } },
  ],
  ['without a reason', { ...object, status: { phase: 'Failed' } }],
];

test('a failed pod on a node, with a reason but without conditions and containers, was rejected', () => {
  const { isRejected, disruption } = parsePod(object);
  assert.equal([isRejected, disruption], [true, why]);
});

for (const [what, pod] of notRejected)
  test(`a pod ${what} was not rejected`, () => assert.is(parsePod(pod).isRejected, false));

test.run();
