import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import type { Observed, ObservedPod, WorkerState } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aPod, aRun, decided, jobEnd } from '../../fixtures/builders.ts';

/** Containers that others added to a run's pod. */

const succeeded: Report = { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' };
const targetFailed: Report = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with 3.' };
const invalid: Report = { phase: 'Failed', reason: 'GirderUnauthorized', message: 'No.' };

const ended = (exitCode: number, report?: Report): WorkerState => ({
  ...{ kind: 'terminated', reason: exitCode === 0 ? 'Completed' : 'Error' },
  ...{ exitCode, report },
});

type Given = { spec?: object; status?: DockerRunStatus; pod?: Partial<ObservedPod> };

/** A pod that still runs after its worker has ended, which the controller first saw at 20 s. */
function outlived(worker: WorkerState, { spec = {}, status = {}, pod: more = {} }: Given = {}): Observed {
  const pod = aPod(worker, { phase: 'Running', isKeptByOthers: true, ...more });
  const attempt = { podUID: pod.uid, podName: pod.name, completionTime: after(20).toISOString() };
  const run = aRun({ spec, status: { jobName: aJob().name, attemptHistory: [attempt], ...status } });
  const job = aJob({ backoffLimit: run.spec?.backoffLimit ?? 0 });
  return anObservation({ run, job, pods: [pod] });
}

const kinds = (observed: Observed, seconds: number) =>
  decided(observed, after(seconds)).actions.map(({ kind }) => kind);

test('a success counts at once, and the pod has 30 s to end by itself before its Job is deleted', () => {
  const first = outlived(ended(0, succeeded));
  assert.is(decided(first, after(21)).status?.phase, 'Succeeded');
  const completionTime = after(21).toISOString();
  const over = outlived(ended(0, succeeded), { status: { phase: 'Succeeded', completionTime } });
  assert.equal(kinds(over, 49), []);
  assert.is(decided(over, after(49)).requeueAfterMs, 1000);
  assert.equal(kinds(over, 50), ['deleteJob']);
});

test('a success keeps its Job, and the log, however long the kubelet takes to end a pod of the worker alone', () => {
  const status = { phase: 'Succeeded', completionTime: after(21).toISOString() } as const;
  assert.equal(kinds(outlived(ended(0, succeeded), { status, pod: { isKeptByOthers: false } }), 500), []);
});

test('a success whose pod has ended keeps its Job', () => {
  const status = { phase: 'Succeeded', completionTime: after(21).toISOString() } as const;
  for (const phase of ['Succeeded', 'Failed'])
    assert.equal(kinds(outlived(ended(0, succeeded), { status, pod: { phase } }), 500), []);
});

test('a success whose pod was disrupted before its other containers ended is not run again', () => {
  const status = { phase: 'Succeeded', completionTime: after(21).toISOString() } as const;
  const disruption = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  const pod = { phase: 'Failed', disruption };
  assert.equal(kinds(outlived(ended(0, succeeded), { status, pod }), 22), ['deleteJob']);
});

test('a success counts although the Job has already replaced its pod', () => {
  const before = outlived(ended(0, succeeded), { pod: { phase: 'Failed' } });
  const next = aPod({ kind: 'running' }, { name: 'next', uid: 'next-uid', phase: 'Running' });
  const both = { ...before, pods: [...before.pods, next] };
  const { status } = decided(both, after(40));
  assert.is(status?.phase, 'Succeeded');
  const over = { ...both, run: { ...both.run, status: { ...status } } };
  assert.equal(kinds(over, 41), ['deleteJob']);
});

test('a worker that has succeeded is not lost because another container failed its pod and Job', () => {
  const observed = outlived(ended(0, succeeded), { pod: { phase: 'Failed' } });
  const job = aJob({ finished: jobEnd(false, 'Container logger failed with exit code 1') });
  const { status } = decided({ ...observed, job }, after(40));
  assert.is(status?.phase, 'Succeeded');
  assert.is(status?.message, succeeded.message);
});

test('a final failure ends the run 30 s after its worker, whatever else runs in the pod', () => {
  const observed = outlived(ended(64, invalid), { spec: { backoffLimit: 3 } });
  assert.is.not(decided(observed, after(49)).status?.phase, 'Failed');
  const { status } = decided(observed, after(50));
  assert.is(status?.phase, 'Failed');
  assert.is(status?.reason, 'GirderUnauthorized');
});

test('a failure that is retried has its pod deleted 30 s after its worker, so that the Job counts it', () => {
  const observed = outlived(ended(69, targetFailed), { spec: { backoffLimit: 1 } });
  assert.equal(kinds(observed, 49), []);
  assert.equal(kinds(observed, 50), ['deletePod']);
  assert.is(decided(observed, after(50)).status?.reason, 'Retrying');
  assert.equal(kinds(outlived(ended(69, targetFailed)), 50), [], 'the last attempt ends the run instead');
  assert.is(decided(outlived(ended(69, targetFailed)), after(50)).status?.reason, 'TargetFailed');
});

test('a worker that was killed is lost 30 s later, although its pod still runs', () => {
  const { status } = decided(outlived(ended(137)), after(50));
  assert.is(status?.reason, 'WorkerLost');
  assert.match(status?.message ?? '', 'the worker ended with Error 137');
});

test('a pod that is being deleted is left to its deletion', () => {
  const pod = { deletionTimestamp: after(60).toISOString() };
  const observed = outlived(ended(69, targetFailed), { spec: { backoffLimit: 1 }, pod });
  assert.equal(kinds(observed, 50), []);
});

const init = {
  sentence: 'istio-init, which was added to the pod, ended with exit code 1: Error',
  failed: true,
};

test('an init container that fails names itself as the reason, and leaves nothing to clean up', () => {
  const waiting: WorkerState = { kind: 'waiting', reason: 'PodInitializing', message: '' };
  const pod = aPod(waiting, { phase: 'Failed', init });
  const job = aJob({ finished: jobEnd(false) });
  const volumes = [{ name: 'd', bindMount: { hostPath: '/d', containerPath: '/d', mode: 'rw' as const } }];
  const { status, actions } = decided(
    anObservation({ run: aRun({ spec: { volumes }, status: { jobName: job.name } }), job, pods: [pod] }),
    after(40),
  );
  assert.is(status?.reason, 'WorkerNotStarted');
  assert.match(status?.message ?? '', 'istio-init, which was added to the pod, ended with exit code 1');
  assert.equal(actions, []);
  assert.is(status?.attemptHistory?.at(-1)?.reason, 'WorkerNotStarted');
});

test('an init container that fails a later attempt is the reason, not the failure of the attempt before', () => {
  const waiting: WorkerState = { kind: 'waiting', reason: 'PodInitializing', message: '' };
  const first = aPod(ended(69, targetFailed), { phase: 'Failed' });
  const second = aPod(waiting, { phase: 'Failed', init, name: 'second', uid: 'second', failuresBefore: 1 });
  const job = aJob({ finished: jobEnd(false) });
  const run = aRun({ spec: { backoffLimit: 1 }, status: { jobName: job.name } });
  const { status } = decided(anObservation({ run, job, pods: [first, second] }), after(40));
  assert.is(status?.reason, 'WorkerNotStarted');
});

test('a run that waits for an init container says which one, until its start deadline', () => {
  const waiting: WorkerState = { kind: 'waiting', reason: 'PodInitializing', message: '' };
  const stuck = { sentence: 'vault-agent-init, which was added to the pod, has not finished', failed: false };
  const run = aRun({ spec: { startDeadlineSeconds: 60 }, status: { jobName: aJob().name } });
  const observed = anObservation({ run, job: aJob(), pods: [aPod(waiting, { init: stuck })] });
  const early = decided(observed, after(10)).status;
  assert.is(early?.phase, 'Pending');
  assert.match(early?.message ?? '', 'init container vault-agent-init, which was added to the pod, has not');
  const late = decided(observed, after(70)).status;
  assert.is(late?.reason, 'StartDeadlineExceeded');
  assert.match(late?.message ?? '', 'vault-agent-init');
});

test.run();
