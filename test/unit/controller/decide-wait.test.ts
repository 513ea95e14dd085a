import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Observed } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aBlockingEvent, aPod, aRun, decided } from '../../fixtures/builders.ts';

const started = { kind: 'waiting', reason: 'ContainerCreating', message: '' } as const;
const mount = 'MountVolume.SetUp failed for volume "girder-credentials": secret "girder" not found';

/** A run with a start deadline of 60 s and a Job. */
function waitingRun(overrides: Partial<Observed> = {}): Observed {
  const { run = aRun({ spec: { startDeadlineSeconds: 60 } }) } = overrides;
  const job = aJob({ backoffLimit: run.spec?.backoffLimit ?? 0 });
  return anObservation({ run, job, ...overrides });
}

/** From when the start deadline of a run with a pod counts, in seconds after the creation of the run. */
const podCreated = 2;

const noNode = { nodeName: undefined };
const waits: [what: string, observed: Observed, message: RegExp][] = [
  ['without a pod', waitingRun(), /^The Job segment-0b9ad1c6 has no pod yet/],
  ['without a node', waitingRun({ pods: [aPod(started, noNode)] }), /is waiting to be scheduled/],
  [
    'that fits on no node',
    waitingRun({ pods: [aPod(started, { ...noNode, unschedulable: '0/3 nodes: Insufficient memory' })] }),
    / cannot be scheduled: 0\/3 nodes: Insufficient memory/,
  ],
  ['whose pod is being started', waitingRun({ pods: [aPod(started)] }), /being started on node node-1/],
  [
    'whose worker image is being pulled again',
    waitingRun({ pods: [aPod({ kind: 'waiting', reason: 'ImagePullBackOff', message: 'Back-off' })] }),
    /^ImagePullBackOff: Back-off/,
  ],
  [
    'whose volume is not mounted yet',
    waitingRun({
      pods: [aPod(started)],
      mountFailure: aBlockingEvent(mount, 40),
    }),
    /secret "girder" not found/,
  ],
];

for (const [what, observed, message] of waits) {
  test(`a run ${what} is pending, and its message says so`, () => {
    const { actions, status } = decided(observed, after(50), {});
    assert.equal(actions, []);
    assert.is(status?.phase, 'Pending');
    assert.is(status?.reason, 'Pending');
    assert.match(status?.message ?? '', message);
  });

  test(`a run ${what} is requeued for its start deadline and fails then`, () => {
    const end = (observed.pods.length === 0 ? 0 : podCreated) + 60;
    assert.is(decided(observed, after(end - 2), {}).requeueAfterMs, 2_000);
    const { status } = decided(observed, after(end), {});
    assert.is(status?.reason, 'StartDeadlineExceeded');
    assert.match(status?.message ?? '', /^The run did not start: /);
    assert.match((status?.message ?? '').replace('The run did not start: ', ''), message);
  });
}

/** A run whose Secret is missing, seen at a second; the kubelet has tried from 10 to `last`. */
const withoutSecret = (last: number, { backoffLimit = 0, failuresBefore = 0 } = {}) =>
  waitingRun({
    run: aRun({ spec: { startDeadlineSeconds: 600, backoffLimit } }),
    pods: [aPod(started, { failuresBefore })],
    mountFailure: aBlockingEvent(mount, 10, last),
  });

test('a run waits for a volume that cannot be mounted, because its Secret may be created a minute later', () => {
  const failingUntil = (last: number) => decided(withoutSecret(last), after(80), {}).status;
  assert.is(failingUntil(42)?.phase, 'Pending');
  assert.is(failingUntil(73)?.phase, 'Failed');
  assert.is(failingUntil(73)?.reason, 'VolumeMountFailed');
  assert.match(failingUntil(73)?.message ?? '', /node-1 cannot start: .*secret "girder" not found/);
});

const retriedOnce = withoutSecret(73, { backoffLimit: 1 });

test('a pod that cannot start costs an attempt: it is deleted, and the run is Retrying with the reason', () => {
  const { actions, status } = decided(retriedOnce, after(80), {});
  const [pod] = retriedOnce.pods;
  assert.equal(actions, [{ kind: 'deletePod', name: pod?.name, uid: pod?.uid }]);
  assert.is(status?.phase, 'Pending');
  assert.is(status?.reason, 'Retrying');
  assert.match(
    status?.message ?? '',
    /^Attempt 1 failed; a retry follows\. Pod .* secret "girder" not found/,
  );
  assert.is(status?.attemptHistory?.[0]?.reason, 'VolumeMountFailed');
  const last = decided(withoutSecret(73, { backoffLimit: 1, failuresBefore: 1 }), after(80), {});
  assert.is(last.status?.phase, 'Failed');
  assert.is(last.status?.reason, 'VolumeMountFailed');
});

test('the reason of a pod that was given up stays until the pod is gone', () => {
  const { status = {} } = decided(retriedOnce, after(80), {});
  const run = { ...retriedOnce.run, status };
  for (const phase of ['Pending', 'Failed']) {
    const deleted = aPod(started, { deletionTimestamp: after(81).toISOString(), phase });
    const next = decided({ ...retriedOnce, run, pods: [deleted] }, after(85), {});
    assert.equal(next.actions, []);
    assert.is(next.status?.reason, 'Retrying');
    assert.is(next.status?.message, status.message);
    assert.equal(next.status?.attemptHistory, status.attemptHistory);
  }
});

test('an image name that no node can pull fails the run whatever its backoffLimit', () => {
  const pods = [aPod({ kind: 'waiting', reason: 'InvalidImageName', message: 'x' })];
  const run = aRun({ spec: { backoffLimit: 5 } });
  assert.is(decided(waitingRun({ run, pods }), after(3), {}).status?.reason, 'WorkerNotStarted');
});

test('after a failed attempt, the run is Retrying with the reason until the Job creates the next pod', () => {
  const report = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with 3.' } as const;
  const pod = aPod({ kind: 'terminated', exitCode: 69, reason: 'Error', report });
  const failedOnce = waitingRun({
    run: aRun({ spec: { backoffLimit: 1, startDeadlineSeconds: 60 } }),
    pods: [pod],
  });
  const { status } = decided(failedOnce, after(5000), {});
  assert.is(status?.phase, 'Pending');
  assert.is(status?.reason, 'Retrying');
  assert.match(status?.message ?? '', /Attempt 1 failed; a retry follows. It ended with 3./);
});

test('the target of a failed attempt is shown until there is another pod', () => {
  const target = { containerID: 'c', exitCode: 3 };
  const report = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with 3.', target } as const;
  const pod = aPod({ kind: 'terminated', exitCode: 69, reason: 'Error', report });
  const run = aRun({ spec: { backoffLimit: 1 } });
  const { status } = decided(waitingRun({ run, pods: [pod] }), after(9), {});
  assert.equal(status?.target, target);
  const second = aPod(started, { name: 'second', uid: 'second', creationTimestamp: after(20).toISOString() });
  const again = decided(
    waitingRun({ run: { ...run, status: status ?? {} }, pods: [pod, second] }),
    after(21),
    {},
  );
  assert.is(again.status?.podName, 'second');
  assert.is(again.status?.target, undefined);
});

test('a run is not Retrying after its last attempt or after a failure that a retry cannot fix', () => {
  for (const [reason, backoffLimit] of [
    ['TargetFailed', 0],
    ['GirderNotFound', 3],
  ] as const) {
    const report = { phase: 'Failed', reason, message: 'x' } as const;
    const pod = aPod({ kind: 'terminated', exitCode: 1, reason: 'Error', report });
    const { status } = decided(
      waitingRun({ run: aRun({ spec: { backoffLimit } }), pods: [pod] }),
      after(9),
      {},
    );
    assert.is.not(status?.reason, 'Retrying');
  }
});

test('a worker on a node that does not answer is lost two minutes after its pod should be gone', () => {
  const pod = aPod({ kind: 'running' }, { deletionTimestamp: after(100).toISOString() });
  const at = (seconds: number, live?: Observed['live']) =>
    decided(waitingRun({ pods: [pod], live }), after(seconds), {}).status;
  assert.is.not(at(219)?.phase, 'Failed');
  assert.is(at(220)?.reason, 'WorkerLost');
  assert.match(at(220)?.message ?? '', /node-1 does not answer/);
  assert.is.not(at(220, { phase: 'Uploading' })?.phase, 'Failed');
});

test('a worker that had not started is lost with its node as well', () => {
  const waits = { kind: 'waiting', reason: 'ContainerCreating', message: '' } as const;
  const pod = aPod(waits, { deletionTimestamp: after(100).toISOString() });
  const run = aRun({ spec: { startDeadlineSeconds: 3600 } });
  const at = (seconds: number) => decided(waitingRun({ run, pods: [pod] }), after(seconds), {}).status;
  assert.is(at(219)?.phase, 'Pending');
  assert.is(at(220)?.reason, 'WorkerLost');
});

test('a run is looked at when its node is lost, not only half a minute later', () => {
  const overdue = { deletionTimestamp: after(100).toISOString() };
  const working = aPod({ kind: 'running' }, overdue);
  const starting = aPod(started, overdue);
  const untilLook = (observed: Partial<Observed>, seconds: number) =>
    decided(waitingRun({ run: aRun({ spec: { startDeadlineSeconds: 3600 } }), ...observed }), after(seconds))
      .requeueAfterMs;
  const stops = [{ cancel: true }, { suspend: true }].map((spec) => ({
    run: aRun({ spec, status: { phase: 'Running', jobName: aJob().name } }),
    pods: [working],
  }));
  for (const observed of [{ pods: [working] }, { pods: [starting] }, ...stops]) {
    assert.is(untilLook(observed, 110), 30_000);
    assert.is(untilLook(observed, 215), 5_000);
  }
});

test('the end of a run on a lost node does not advise what cannot retry it', () => {
  const pod = aPod({ kind: 'running' }, { deletionTimestamp: after(100).toISOString() });
  const run = aRun({ spec: { backoffLimit: 3 } });
  const message = decided(waitingRun({ run, pods: [pod] }), after(220)).status?.message ?? '';
  assert.not.match(message, /backoffLimit/);
  assert.match(
    message,
    /no other attempt starts\. Bring the node back, or remove it with kubectl delete node node-1/,
  );
});

test('a run is retried while fewer attempts failed than backoffLimit, and disruptions do not count', () => {
  const report = { phase: 'Failed', reason: 'TargetFailed', message: 'x' } as const;
  const state = { kind: 'terminated', exitCode: 69, reason: 'Error', report } as const;
  const reasonAfter = (failuresBefore: number) => {
    const pods = [aPod(state), aPod(state), aPod(state, { failuresBefore })];
    return decided(waitingRun({ run: aRun({ spec: { backoffLimit: 2 } }), pods }), after(9), {}).status
      ?.reason;
  };
  assert.is(reasonAfter(1), 'Retrying');
  assert.is.not(reasonAfter(2), 'Retrying');
});

test('a run whose namespace is being deleted ends, and then its Job is deleted, which would keep its pod', () => {
  const report = { phase: 'Failed', reason: 'Cancelled', message: 'x' } as const;
  const pod = aPod(
    { kind: 'terminated', exitCode: 71, reason: 'Error', report },
    { deletionTimestamp: after(8).toISOString() },
  );
  const run = aRun({ spec: { backoffLimit: 2 } });
  const observed = waitingRun({ run, pods: [pod], namespaceEnds: true });
  const { status } = decided(observed, after(9), {});
  assert.is(status?.reason, 'Cancelled');
  assert.match(status?.message ?? '', /^Namespace lab is being deleted/);
  const next = decided({ ...observed, run: { ...run, status: status ?? {} } }, after(9), {});
  assert.equal(next.actions, [{ kind: 'deleteJob', name: aJob().name, uid: aJob().uid }]);
});

test('while the policy is invalid, a new run is pending, and its message says so', () => {
  const { actions, status } = decided(anObservation(), after(1), {
    problem: 'is invalid: spec.hostPaths must be array',
  });
  assert.equal(actions, []);
  assert.is(status?.phase, 'Pending');
  assert.match(status?.message ?? '', /DockerRunPolicy "default" is invalid.*must be array/);
});

for (const reason of ['InvalidImageName', 'ErrImageNeverPull']) {
  test(`${reason} of the worker fails the run at once, because waiting does not help`, () => {
    const pods = [aPod({ kind: 'waiting', reason, message: 'the cause' })];
    const { status } = decided(waitingRun({ pods }), after(3), {});
    assert.is(status?.reason, 'WorkerNotStarted');
    assert.match(status?.message ?? '', new RegExp(`${reason}: the cause`));
  });
}

test('a later attempt whose pod is pending is Retrying and has a start deadline of its own', () => {
  const first = aPod({ kind: 'terminated', exitCode: 68, reason: 'Error', report: undefined });
  const second = aPod(started, { name: 'second', creationTimestamp: after(500).toISOString() });
  const run = aRun({ spec: { startDeadlineSeconds: 60 }, status: { podName: first.name, attempts: 1 } });
  const observed = waitingRun({ run, job: aJob({ endedPods: 1 }), pods: [first, second] });
  const { status } = decided(observed, after(559), {});
  assert.is(status?.phase, 'Pending');
  assert.is(status?.reason, 'Retrying');
  assert.is(status?.attempts, 2);
  assert.is(status?.podName, 'second');
  assert.is(decided(observed, after(560), {}).status?.reason, 'StartDeadlineExceeded');
});

// A drained node: the pod is deleted without a failure of the Job, which creates another one.
test('a run that ran longer than its start deadline does not fail when its pod is deleted', () => {
  const status = { phase: 'Running', podName: 'drained', attempts: 1 } as const;
  const run = aRun({ spec: { startDeadlineSeconds: 60 }, status });
  const between = decided(waitingRun({ run, job: aJob() }), after(7200), {});
  assert.is(between.status?.phase, 'Pending');
  const second = aPod(started, { name: 'second', creationTimestamp: after(7200).toISOString() });
  const replaced = decided(waitingRun({ run, pods: [second] }), after(7205), {});
  assert.is(replaced.status?.phase, 'Pending');
});

const refusals: [what: string, refusal: string, remedy: RegExp][] = [
  ['Pod Security', 'violates PodSecurity "baseline:latest": hostPath volumes', /enforce=privileged/],
  ['a quota without defaults', 'failed quota: q: must specify limits.cpu for: worker', /spec\.resources/],
  ['a full quota', 'exceeded quota: q, requested: pods=1, used: pods=3', /when the quota has room/],
  [
    'a LimitRange',
    'maximum memory usage per Container is 128Mi, but limit is 356Mi',
    /256Mi memory for the w/,
  ],
  ['a LimitRange for pods', 'cpu max limit to request ratio per Pod is 2, but provided', /LimitRange/],
  ['a small default', 'must be less than or equal to memory limit of 100Mi', /spec\.resources\.limits/],
  ['a missing PriorityClass', 'no PriorityClass with name x was found', /spec\.priorityClassName/],
  ['a webhook', 'admission webhook "validate.kyverno.svc-fail" denied the request: no', /exception/],
];
for (const [what, refusal, remedy] of refusals) {
  test(`a run whose pod ${what} refuses says what to do`, () => {
    const podRefusal = aBlockingEvent(`Error creating: pods "x" is forbidden: ${refusal}`, 1);
    const { status } = decided(waitingRun({ podRefusal }), after(5), {});
    assert.is(status?.phase, 'Pending');
    assert.match(status?.message ?? '', remedy);
  });
}

test('a run whose worker cannot pull its private image names the value of the chart', () => {
  const message = 'failed to pull image: 401 Unauthorized: no basic auth credentials';
  const worker = { kind: 'waiting', reason: 'ErrImagePull', message } as const;
  const { status } = decided(waitingRun({ pods: [aPod(worker)] }), after(5), {});
  assert.match(status?.message ?? '', /worker\.imagePullSecrets/);
});

/** A run without a pod whose attempts have ended, the last one `endedAt` seconds after its creation. */
const betweenAttempts = (endedAt: number, attempts: number, podRefusal?: Observed['podRefusal']) => {
  const attemptHistory = Array.from({ length: attempts }, (_, index) => ({
    ...{ podUID: `pod-${index}`, podName: `pod-${index}`, reason: 'TargetFailed' },
    ...{ startTime: after(index).toISOString(), completionTime: after(endedAt).toISOString() },
  }));
  const status = { phase: 'Pending', podName: `pod-${attempts - 1}`, attempts, attemptHistory } as const;
  return waitingRun({
    run: aRun({ spec: { startDeadlineSeconds: 60, backoffLimit: 9 }, status }),
    podRefusal,
  });
};

test('a run that gets no pod because of a quota shows that, and fails at its start deadline', () => {
  const podRefusal = aBlockingEvent('exceeded quota: pods', 1);
  const early = decided(waitingRun({ podRefusal }), after(59), {});
  assert.match(early.status?.message ?? '', /cannot create its pod: exceeded quota: pods/);
  assert.is(early.status?.phase, 'Pending');
  assert.is(decided(waitingRun({ podRefusal }), after(60), {}).status?.reason, 'StartDeadlineExceeded');
});

test('between attempts, the start deadline counts from when the next pod should exist, refused or not', () => {
  const phaseAt = (observed: Observed, seconds: number) => decided(observed, after(seconds), {}).status;
  for (const refusal of [undefined, aBlockingEvent('exceeded quota: pods', 7300)]) {
    const first = betweenAttempts(7200, 1, refusal);
    assert.is(phaseAt(first, 7200 + 10 + 10 + 59)?.phase, 'Pending');
    assert.is(phaseAt(first, 7200 + 10 + 10 + 60)?.reason, 'StartDeadlineExceeded');
  }
});

test('the backoff of the Job before a later attempt, up to ten minutes, does not count for the start deadline', () => {
  const reasonAt = (attempts: number, seconds: number) =>
    decided(betweenAttempts(100, attempts), after(100 + seconds), {}).status?.reason;
  assert.is(reasonAt(3, 40 + 10 + 59), 'Retrying');
  assert.is(reasonAt(3, 40 + 10 + 60), 'StartDeadlineExceeded');
  assert.is(reasonAt(10, 600 + 10 + 59), 'Retrying');
  assert.is(reasonAt(10, 600 + 10 + 60), 'StartDeadlineExceeded');
});

test.run();
