import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { V1Job } from '@kubernetes/client-node';
import { parseEnding, workerEnvironment } from '../../../src/api/run-plan.ts';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { type Decision } from '../../../src/controller/decide/outcome.ts';
import type { Observed, WorkerState } from '../../../src/controller/observe/observed.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import {
  after,
  aJob,
  anObservation,
  aPod,
  aRun,
  aCleanupJob,
  jobEnd,
  decided,
} from '../../fixtures/builders.ts';

const killed: WorkerState = { kind: 'terminated', exitCode: 137, reason: 'Error', report: undefined };
const said: WorkerState = { ...killed, report: { phase: 'Failed', reason: 'TargetFailed', message: 'x' } };
const waiting: WorkerState = { kind: 'waiting', reason: 'InvalidImageName', message: 'no such image' };

const girder = { apiUrl: 'http://g/api/v1', job: { id: 'j', tokenSecretRef: { name: 's', key: 'k' } } };
const volumes = [{ name: 'scratch', temporary: { hostDir: '/srv/scratch' } }];
const status: DockerRunStatus = { phase: 'Running', jobName: aJob().name, podName: 'p', nodeName: 'node-1' };

/** A run with something in a directory of the node, whose Job has failed 40 s before `now`. */
function lost(spec: Partial<DockerRunSpec> = { volumes }, more: Partial<Observed> = {}): Observed {
  const run = aRun({ spec, status });
  return anObservation({ run, job: aJob({ finished: jobEnd(false) }), pods: [aPod(killed)], ...more });
}
const now = after(100);

/** The cleanup Jobs of a decision: the node of each, and how Girder is to hear of the end. */
const cleanupsOf = ({ actions }: Decision) =>
  actions.flatMap((action) => (action.kind === 'createCleanupJob' ? [cleanupIn(action.job)] : []));

function cleanupIn(job: V1Job): [string, string] {
  const text = JSON.stringify(job.spec?.template.spec?.affinity ?? {});
  const [, node = 'anywhere'] = /"metadata\.name","operator":"In","values":\["([^"]+)"\]/.exec(text) ?? [];
  const env = job.spec?.template.spec?.containers[0]?.env ?? [];
  return [node, parseEnding(env.find(({ name }) => name === workerEnvironment.ending)?.value).kind];
}

test('a run whose worker was lost waits until its node is cleaned up, and says so', () => {
  const decision = decided(lost(), now, {});
  assert.equal(cleanupsOf(decision), [['node-1', 'failed']]);
  assert.is(decision.status?.phase, 'Running');
  assert.match(decision.status?.message ?? '', /What it left on node node-1 is being removed\.$/);
  assert.is(decision.requeueAfterMs, 110_000);
  const underWay = decided(lost({ volumes }, { cleanupJob: aCleanupJob() }), now, {});
  assert.equal(underWay.actions, []);
  assert.is(underWay.status?.phase, 'Running');
});

test('it ends as WorkerLost when that is done, or when it failed, which it says', () => {
  const endedBy = (succeeded: boolean) =>
    decided(
      lost({ volumes }, { cleanupJob: aCleanupJob({ finished: jobEnd(succeeded, 'too late') }) }),
      now,
      {},
    );
  for (const { status, actions } of [endedBy(true), endedBy(false)]) {
    assert.is(status?.reason, 'WorkerLost');
    assert.equal(actions, []);
  }
  assert.not.match(endedBy(true).status?.message ?? '', /may still be there/);
  assert.match(endedBy(false).status?.message ?? '', /on node node-1 may still be there: too late/);
});

test('it waits no longer than 150 s after the loss, and what was not begun by then is begun', () => {
  const at = (seconds: number, cleanupJob?: Observed['cleanupJob']) =>
    decided(lost({ volumes }, { cleanupJob }), after(seconds), {});
  assert.is(at(209, aCleanupJob()).status?.phase, 'Running');
  assert.is(at(210, aCleanupJob()).status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(at(210, aCleanupJob())), []);
  assert.equal(cleanupsOf(at(210)), [['node-1', 'failed']]);
});

test('a Job that is refused for good ends the run, and one that is refused for now is asked for again', () => {
  const refused = (permanent: boolean) =>
    decided(lost({ volumes }, { cleanupRefusal: { message: 'the quota', permanent } }), now, {});
  assert.match(refused(true).status?.message ?? '', /may still be there: the quota/);
  assert.is(refused(true).status?.phase, 'Failed');
  assert.is(refused(false).status?.phase, 'Running');
  assert.is(refused(false).requeueAfterMs, 5_000);
  for (const permanent of [true, false]) assert.equal(refused(permanent).actions, []);
});

test('a worker that left nothing, or that gave its termination message, is not cleaned up after', () => {
  for (const observed of [lost({}), lost({ volumes }, { pods: [aPod(said)] })]) {
    const decision = decided(observed, now, {});
    assert.is(decision.status?.phase, 'Failed');
    assert.equal(decision.actions, []);
  }
});

test('a worker that was ended by a defect of its own has said so, but not cleaned up', () => {
  const report = { phase: 'Failed', reason: 'WorkerFailed', message: 'x is not a function' } as const;
  const decision = decided(lost({ volumes }, { pods: [aPod({ ...killed, report })] }), now, {});
  assert.is(decision.status?.reason, 'WorkerFailed');
  assert.equal(cleanupsOf(decision), [['node-1', 'failed']]);
});

test('a pod that has vanished is cleaned up after on the node that the status knows', () => {
  assert.equal(cleanupsOf(decided(lost({ volumes }, { pods: [] }), now, {})), [['node-1', 'failed']]);
});

test('a pod that was evicted before its worker could say anything counts as one that ran', () => {
  const pods = [aPod(waiting, { phase: 'Failed', reason: 'Evicted' })];
  assert.equal(cleanupsOf(decided(lost({ volumes }, { pods }), now, {})), [['node-1', 'failed']]);
});

test('a job in Girder alone is told the end, which is not waited for', () => {
  const decision = decided(lost({ girder }), now, {});
  assert.is(decision.status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
});

test('when no worker ever ran, a job in Girder is told, and nothing is done without one', () => {
  const unstarted = (spec: Partial<DockerRunSpec>) =>
    anObservation({ run: aRun({ spec, status }), job: aJob(), pods: [aPod(waiting)] });
  const decision = decided(unstarted({ girder, volumes }), now, {});
  assert.is(decision.status?.reason, 'WorkerNotStarted');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
  assert.equal(decided(unstarted({ volumes }), now, {}).actions, []);
});

test('what an earlier attempt left is removed when the next one cannot start', () => {
  const pods = [aPod(killed), aPod(waiting, { name: 'next', nodeName: 'node-2' })];
  const observed = anObservation({ run: aRun({ spec: { volumes }, status }), job: aJob(), pods });
  assert.equal(cleanupsOf(decided(observed, now, {})), [['node-1', 'failed']]);
});

test('a worker whose Job was deleted cleans up itself while it ends, and is replaced when it cannot', () => {
  const deleted = (...states: WorkerState[]) =>
    decided(
      anObservation({
        run: aRun({ spec: { volumes, girder }, status }),
        pods: states.map((state) => aPod(state)),
      }),
      now,
      {},
    );
  for (const decision of [deleted({ kind: 'running' }), deleted(killed), deleted()])
    assert.is(decision.status?.reason, 'JobDeleted');
  assert.equal(cleanupsOf(deleted({ kind: 'running' })), []);
  assert.equal(cleanupsOf(deleted(killed)), [['node-1', 'cancelled']]);
  assert.equal(cleanupsOf(deleted()), [['node-1', 'cancelled']]);
});

test('a node that does not answer holds no end up: only Girder is told', () => {
  const pod = aPod({ kind: 'running' }, { deletionTimestamp: after(100).toISOString() });
  const observed = anObservation({
    run: aRun({ spec: { volumes, girder }, status }),
    job: aJob(),
    pods: [pod],
  });
  const decision = decided(observed, after(220), {});
  assert.is(decision.status?.reason, 'WorkerLost');
  assert.equal(cleanupsOf(decision), [['anywhere', 'failed']]);
});

test('nothing is started for a run that is refused', () => {
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

test('a run does not delete itself while it is cleaned up after', () => {
  const over = { ...status, phase: 'Failed', completionTime: after(50).toISOString() } as const;
  const run = aRun({ spec: { ttlSecondsAfterFinished: 0 }, status: over });
  const at = (cleanupJob: Observed['cleanupJob']) => decided(anObservation({ run, cleanupJob }), now, {});
  assert.equal(at(aCleanupJob()).actions, []);
  assert.ok((at(aCleanupJob()).requeueAfterMs ?? 0) > 0);
  assert.equal(at(aCleanupJob({ finished: jobEnd(true) })).actions, [{ kind: 'deleteRun' }]);
});

test.run();
