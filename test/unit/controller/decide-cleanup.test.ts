import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { V1Job } from '@kubernetes/client-node';
import {
  parseEnding,
  parsePlan,
  podVolume,
  type RunPlan,
  workerEnvironment,
} from '../../../src/api/run-plan.ts';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { type Decision } from '../../../src/controller/decide/outcome.ts';
import type { Observed, ObservedPod, WorkerState } from '../../../src/controller/observe/observed.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import {
  after,
  aJob,
  anObservation,
  aPod,
  aRun,
  aCleanupJob,
  jobEnd,
  decided as decidedUnder,
} from '../../fixtures/builders.ts';

const killed: WorkerState = { kind: 'terminated', exitCode: 137, reason: 'Error', report: undefined };
const reported: WorkerState = {
  ...killed,
  report: { phase: 'Failed', reason: 'TargetFailed', message: 'x' },
};
const waiting: WorkerState = { kind: 'waiting', reason: 'InvalidImageName', message: 'no such image' };

const girder = { apiUrl: 'http://g/api/v1', job: { id: 'j', tokenSecretRef: { name: 's', key: 'k' } } };
const volumes = [{ name: 'scratch', temporary: { hostDir: '/srv/scratch' } }];
const status: DockerRunStatus = { phase: 'Running', jobName: aJob().name, podName: 'p', nodeName: 'node-1' };

/** A run with a directory on the node, whose Job failed 40 s before `now`. */
function lost(spec: Partial<DockerRunSpec> = { volumes }, more: Partial<Observed> = {}): Observed {
  const run = aRun({ spec, status });
  return anObservation({ run, job: aJob({ finished: jobEnd(false) }), pods: [aPod(killed)], ...more });
}
const now = after(100);

const hostPaths = [{ pathPrefix: '/srv' }];

/** The decision, under a policy that allows the directories of these runs. */
const decided = (observed: Observed, at: Date, policy: Policy = { hostPaths }) =>
  decidedUnder(observed, at, policy);

/** The cleanup Jobs of a decision: the node of each, and the end that it reports to Girder. */
const cleanupsOf = ({ actions }: Decision) =>
  actions.flatMap((action) => (action.kind === 'createCleanupJob' ? [cleanupIn(action.job)] : []));

function cleanupIn(job: V1Job): [string, string] {
  const text = JSON.stringify(job.spec?.template.spec?.affinity ?? {});
  const [, node = 'anywhere'] = /"metadata\.name","operator":"In","values":\["([^"]+)"\]/.exec(text) ?? [];
  const env = job.spec?.template.spec?.containers[0]?.env ?? [];
  return [node, parseEnding(env.find(({ name }) => name === workerEnvironment.ending)?.value).kind];
}

function planIn(job: V1Job): RunPlan {
  const env = job.spec?.template.spec?.containers[0]?.env ?? [];
  return parsePlan(env.find(({ name }) => name === workerEnvironment.plan)?.value);
}

test('a run whose worker was lost waits for the cleanup of its node, and its message says so', () => {
  const decision = decided(lost(), now);
  assert.equal(cleanupsOf(decision), [['node-1', 'failed']]);
  assert.is(decision.status?.phase, 'Running');
  assert.match(
    decision.status?.message ?? '',
    /A cleanup Job is removing what the worker left on node node-1\.$/,
  );
  assert.is(decision.requeueAfterMs, 110_000);
  const whileRunning = decided(lost({ volumes }, { cleanupJob: aCleanupJob() }), now);
  assert.equal(whileRunning.actions, []);
  assert.is(whileRunning.status?.phase, 'Running');
});

test('it ends as WorkerLost after the cleanup, and its message says whether the cleanup failed', () => {
  const endedBy = (succeeded: boolean) =>
    decided(lost({ volumes }, { cleanupJob: aCleanupJob({ finished: jobEnd(succeeded, 'too late') }) }), now);
  for (const { status, actions } of [endedBy(true), endedBy(false)]) {
    assert.is(status?.reason, 'WorkerLost');
    assert.equal(actions, []);
  }
  assert.not.match(endedBy(true).status?.message ?? '', /may still be there/);
  assert.match(endedBy(false).status?.message ?? '', /on node node-1 may still be there: too late/);
});

test('it waits at most 150 s after the loss, and then still creates a missing cleanup Job', () => {
  const at = (seconds: number, cleanupJob?: Observed['cleanupJob']) =>
    decided(lost({ volumes }, { cleanupJob }), after(seconds));
  assert.is(at(209, aCleanupJob()).status?.phase, 'Running');
  assert.is(at(210, aCleanupJob()).status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(at(210, aCleanupJob())), []);
  assert.equal(cleanupsOf(at(210)), [['node-1', 'failed']]);
});

test('a permanent refusal of the cleanup Job ends the run, and a temporary one is retried', () => {
  const refused = (permanent: boolean) =>
    decided(lost({ volumes }, { cleanupRefusal: { message: 'the quota', permanent } }), now);
  assert.match(refused(true).status?.message ?? '', /may still be there: the quota/);
  assert.is(refused(true).status?.phase, 'Failed');
  assert.is(refused(false).status?.phase, 'Running');
  assert.is(refused(false).requeueAfterMs, 5_000);
  for (const permanent of [true, false]) assert.equal(refused(permanent).actions, []);
});

test('no cleanup follows a worker that left nothing or that wrote a termination message', () => {
  for (const observed of [lost({}), lost({ volumes }, { pods: [aPod(reported)] })]) {
    const decision = decided(observed, now);
    assert.is(decision.status?.phase, 'Failed');
    assert.equal(decision.actions, []);
  }
});

test('a cleanup follows a worker that reported a defect of its own or the failure of a disk', () => {
  for (const reason of ['WorkerFailed', 'DiskFailed'] as const) {
    const report = { phase: 'Failed', reason, message: 'x is not a function' } as const;
    const decision = decided(lost({ volumes }, { pods: [aPod({ ...killed, report })] }), now);
    assert.is(decision.status?.reason, reason);
    assert.equal(cleanupsOf(decision), [['node-1', 'failed']]);
  }
});

test('the cleanup after a pod that disappeared runs on the node in the status', () => {
  assert.equal(cleanupsOf(decided(lost({ volumes }, { pods: [] }), now)), [['node-1', 'failed']]);
});

test('a cleanup follows a pod that was evicted and has no container status', () => {
  const pods = [aPod(waiting, { phase: 'Failed', reason: 'Evicted' })];
  assert.equal(cleanupsOf(decided(lost({ volumes }, { pods }), now)), [['node-1', 'failed']]);
});

test('a run that only has a Girder job ends without waiting for the report to Girder', () => {
  const decision = decided(lost({ girder }), now);
  assert.is(decision.status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
});

test('when no worker ever ran, only a Girder job needs a report', () => {
  const unstarted = (spec: Partial<DockerRunSpec>) =>
    anObservation({ run: aRun({ spec, status }), job: aJob(), pods: [aPod(waiting)] });
  const decision = decided(unstarted({ girder, volumes }), now);
  assert.is(decision.status?.reason, 'WorkerNotStarted');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
  assert.equal(decided(unstarted({ volumes }), now).actions, []);
});

test('a cleanup follows a worker that did not start once the kubelet may have made its directories', () => {
  const bindMount = { hostPath: '/srv/link', containerPath: '/d', mode: 'rw' as const };
  const mixed: DockerRunSpec['volumes'] = [{ name: 'input', bindMount }, ...volumes];
  const cleanupsAfter = (reason: string, pod: Partial<ObservedPod>, spec: Partial<DockerRunSpec>) => {
    const run = aRun({ spec: { ...spec, startDeadlineSeconds: 50 }, status });
    const pods = [aPod({ kind: 'waiting', reason, message: 'x' }, pod)];
    return decided(anObservation({ run, job: aJob(), pods }), after(1_000));
  };
  const made = { hasSandbox: true };
  for (const reason of ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', ''])
    assert.equal(cleanupsOf(cleanupsAfter(reason, made, { volumes })), [['node-1', 'failed']], reason);
  for (const reason of ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'PodInitializing'])
    assert.equal(cleanupsOf(cleanupsAfter(reason, made, { volumes })), [], reason);
  assert.equal(cleanupsOf(cleanupsAfter('CreateContainerError', { hasSandbox: false }, { volumes })), []);
  assert.equal(cleanupsOf(cleanupsAfter('CreateContainerError', made, {})), []);
  // A volume that could not be mounted would keep the cleanup from its work.
  const [action] = cleanupsAfter('CreateContainerConfigError', made, { volumes: mixed }).actions;
  assert.ok(action?.kind === 'createCleanupJob');
  assert.not.match(JSON.stringify(action.job), '/srv/link');
});

test('when the next attempt cannot start, a cleanup follows on the node of the earlier one', () => {
  const pods = [aPod(killed), aPod(waiting, { name: 'next', nodeName: 'node-2' })];
  const observed = anObservation({ run: aRun({ spec: { volumes }, status }), job: aJob(), pods });
  assert.equal(cleanupsOf(decided(observed, now)), [['node-1', 'failed']]);
});

test('a running worker whose Job was deleted cleans up itself, and a cleanup Job does it for a lost one', () => {
  const deleted = (...states: WorkerState[]) =>
    decided(
      anObservation({
        run: aRun({ spec: { volumes, girder }, status }),
        pods: states.map((state) => aPod(state)),
      }),
      now,
    );
  for (const decision of [deleted({ kind: 'running' }), deleted(killed), deleted()])
    assert.is(decision.status?.reason, 'JobDeleted');
  assert.equal(cleanupsOf(deleted({ kind: 'running' })), []);
  assert.equal(cleanupsOf(deleted(killed)), [['node-1', 'cancelled']]);
  assert.equal(cleanupsOf(deleted()), [['node-1', 'cancelled']]);
});

test('a run on a node that does not answer ends at once, with only a report to Girder', () => {
  const pod = aPod({ kind: 'running' }, { deletionTimestamp: after(100).toISOString() });
  const observed = anObservation({
    run: aRun({ spec: { volumes, girder }, status }),
    job: aJob(),
    pods: [pod],
  });
  const decision = decided(observed, after(220));
  assert.is(decision.status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
});

test('no cleanup Job is created for a run that is refused', () => {
  const hostPath = { name: 'd', bindMount: { hostPath: '/etc', containerPath: '/d', mode: 'ro' as const } };
  const refused: [Partial<DockerRunSpec>, Policy][] = [
    [{ girder, volumes: [hostPath] }, {}],
    [{ girder, startDeadlineSeconds: 1 }, { problem: 'cannot be read' }],
  ];
  for (const [spec, policy] of refused) {
    const decision = decided(anObservation({ run: aRun({ spec }) }), now, policy);
    assert.is(decision.status?.phase, 'Failed');
    assert.equal(decision.actions, []);
  }
});

test('an expired run is not deleted before its cleanup Job has finished', () => {
  const over = { ...status, phase: 'Failed', completionTime: after(50).toISOString() } as const;
  const run = aRun({ spec: { ttlSecondsAfterFinished: 0 }, status: over });
  const at = (cleanupJob: Observed['cleanupJob']) => decided(anObservation({ run, cleanupJob }), now);
  assert.equal(at(aCleanupJob()).actions, []);
  assert.ok((at(aCleanupJob()).requeueAfterMs ?? 0) > 0);
  assert.equal(at(aCleanupJob({ finished: jobEnd(true) })).actions, [{ kind: 'deleteRun' }]);
});

test('a run whose paths are not allowed any more gets no cleanup Job, and its message says why', () => {
  const { actions, status: after } = decided(lost(), now, {});
  assert.equal(actions, []);
  assert.is(after?.reason, 'WorkerLost');
  assert.match(after?.message ?? '', /on node node-1 may still be there: .*\/srv\/scratch/);
});

const succeeded: WorkerState = {
  ...killed,
  exitCode: 0,
  report: { phase: 'Succeeded', reason: 'Succeeded' },
};

/** A run whose first attempt ended on node-1 for this reason, and whose last one succeeded on another node. */
function succeededOn(
  nodeName: string,
  reason: string | undefined,
  spec: Partial<DockerRunSpec> = { volumes },
) {
  const earlier = {
    ...{ podUID: '5d0c1a2b-1', podName: 'first', nodeName: 'node-1', startTime: after(1).toISOString() },
    ...{ completionTime: after(50).toISOString(), ...(reason === undefined ? {} : { reason }) },
  };
  const run = aRun({ spec, status: { ...status, attemptHistory: [earlier] } });
  const pod = aPod(succeeded, {
    name: 'second',
    uid: 'second',
    nodeName,
    creationTimestamp: after(60).toISOString(),
  });
  return anObservation({ run, job: aJob({ finished: jobEnd(true) }), pods: [pod] });
}

test('a run that succeeded on another node than that of a lost attempt cleans up on that node', () => {
  for (const reason of ['WorkerLost', 'DeletionByTaintManager', 'Evicted', undefined]) {
    const observed = succeededOn('node-2', reason, { volumes, girder });
    const decision = decided(observed, now);
    assert.is(decision.status?.phase, 'Succeeded');
    assert.equal(cleanupsOf(decision), [['node-1', 'failed']], reason);
    const [action] = decision.actions;
    assert.ok(action?.kind === 'createCleanupJob');
    assert.match(action.job.metadata?.name ?? '', /-cleanup-5d0c1a2b$/);
    assert.is(action.job.spec?.activeDeadlineSeconds, 3_600);
    const plan = planIn(action.job);
    // The end of its job in Girder is that of the last attempt.
    assert.is(plan.spec.girder, undefined);
    assert.equal(
      plan.hostMounts?.map(({ volume }) => volume),
      [podVolume(0)],
    );
    const stored = { ...observed, run: { ...observed.run, status: decision.status ?? {} } };
    assert.equal(cleanupsOf(decided(stored, now)), []);
  }
});

test('an earlier attempt needs no cleanup where it or a later one has cleaned up, or nothing can be left', () => {
  const none = [
    succeededOn('node-1', 'WorkerLost'),
    succeededOn('node-2', 'TargetFailed'),
    succeededOn('node-2', 'WorkerLost', {}),
    succeededOn('node-2', 'WorkerLost', {
      volumes: [
        { name: 'c', persistentVolumeClaim: { claimName: 'c', containerPath: '/c', readOnly: false } },
      ],
    }),
    { ...succeededOn('node-2', 'WorkerLost'), cleanupRefusal: { message: 'no', permanent: true } },
  ];
  for (const observed of none) assert.equal(cleanupsOf(decided(observed, now)), []);
  assert.equal(cleanupsOf(decided(succeededOn('node-2', 'WorkerLost'), now, {})), []);
});

test.run();
