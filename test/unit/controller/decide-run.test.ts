import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { type Observed } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aPod, aRun, decided } from '../../fixtures/builders.ts';
import { condition } from '../../fixtures/builders-status.ts';

const pod = aPod({ kind: 'running' }, { podIP: '10.0.0.7', phase: 'Running' });

/** A run whose worker runs and reports `live`. */
function runningRun(live: Report | undefined, status: DockerRunStatus = {}): Observed {
  const run = aRun({ spec: { startDeadlineSeconds: 60 }, status });
  return anObservation({ run, job: aJob(), pods: [pod], live });
}

test('a worker that has not reported yet counts as preparing', () => {
  const { actions, status, requeueAfterMs } = decided(runningRun(undefined), after(10), {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Preparing');
  assert.is(status?.podName, pod.name);
  assert.is(status?.nodeName, 'node-1');
  assert.is(status?.attempts, 1);
  assert.is(requeueAfterMs, 52_000, 'it is requeued for its start deadline');
});

test('the status has what the worker reports', () => {
  const live: Report = {
    phase: 'Uploading',
    progress: { message: 'uploading mask', percent: 41, summary: '41%' },
    target: { containerID: 'c', exitCode: 0 },
    transfers: [{ name: 'mask', direction: 'upload', bytes: 41, totalBytes: 100 }],
    results: [],
  };
  const { status } = decided(runningRun(live), after(10), {});
  const { phase, progress, target, transfers, results } = status ?? {};
  assert.equal({ phase, progress, target, transfers, results }, live);
  assert.is(status?.message, 'uploading mask');
  assert.is(condition(status, 'Reconciling')?.reason, 'Uploading');
});

test('progress without a known total is shown as an amount', () => {
  const progress = { message: 'Uploading masks: 158 files', summary: '158 files' };
  const { status } = decided(runningRun({ phase: 'Uploading', progress }), after(10), {});
  assert.equal(status?.progress, progress);
});

test('while a worker does not answer, the status keeps its phase and its target, but not its progress', () => {
  const target = { containerID: 'c' };
  const before = {
    ...({ phase: 'Running', podName: pod.name, target } as const),
    progress: { message: 'the target runs' },
  };
  const { status } = decided(runningRun(undefined, before), after(10), {});
  assert.is(status?.phase, 'Running');
  assert.equal(status?.target, target);
  assert.is(status?.progress, undefined);
});

test('what became of the inputs of forEach stays, also when their worker is lost or replaced', () => {
  const items = { states: 'sfrw', failures: [{ reason: 'OOMKilled', items: [1] }] };
  const { status } = decided(runningRun({ phase: 'Running', items }), after(10), {});
  assert.equal(status?.items, items);
  const before = { ...({ phase: 'Running', podName: pod.name } as const), items };
  assert.equal(decided(runningRun(undefined, before), after(10), {}).status?.items, items);
  const ofNextPod = decided(runningRun(undefined, { ...before, podName: 'an-earlier-pod' }), after(10), {});
  assert.equal(ofNextPod.status?.items, items);
});

test('the phase of an earlier pod does not apply to the next one', () => {
  const before = { phase: 'Running', podName: 'an-earlier-pod' } as const;
  assert.is(decided(runningRun(undefined, before), after(10), {}).status?.phase, 'Preparing');
});

// The start deadline counts from the pod, 2 s after the run.
test('a run whose worker still prepares at the start deadline fails with what the worker was doing', () => {
  const live: Report = { phase: 'Preparing', progress: { message: 'pulling busybox: 3 MB' } };
  assert.is(decided(runningRun(live), after(61), {}).status?.phase, 'Preparing');
  const { status } = decided(runningRun(live), after(62), {});
  assert.is(status?.reason, 'StartDeadlineExceeded');
  assert.match(status?.message ?? '', /^The run was still being prepared: pulling busybox: 3 MB\. /);
});

test('the start deadline does not apply to a running target or to a worker that does not answer', () => {
  assert.is(decided(runningRun({ phase: 'Running' }), after(6000), {}).status?.phase, 'Running');
  assert.is(decided(runningRun(undefined), after(6000), {}).status?.phase, 'Preparing');
});

test('after the end of the last worker, the run waits for its Job to end', () => {
  const report: Report = { phase: 'Failed', reason: 'TargetFailed', message: 'no', target: { exitCode: 3 } };
  const ended = aPod({ kind: 'terminated', exitCode: 69, reason: 'Error', report });
  const run = aRun({ status: { phase: 'Running', podName: ended.name } });
  const { actions, status, requeueAfterMs } = decided(
    anObservation({ run, job: aJob(), pods: [ended] }),
    after(10),
    {},
  );
  assert.equal(actions, []);
  assert.is(status?.phase, 'Running');
  assert.equal(status?.target, { exitCode: 3 });
  assert.is(requeueAfterMs, 30_000);
});

test('a worker that reports success ends the run before its Job does', () => {
  const results = [{ hook: 0, itemId: 'i', fileId: 'f', name: 'n', size: 1, sha256: '00' }];
  const report: Report = { phase: 'Succeeded', reason: 'Succeeded', message: 'Done.', results };
  const ended = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report });
  const { actions, status } = decided(anObservation({ job: aJob(), pods: [ended] }), after(10), {});
  assert.equal(actions, []);
  assert.is(status?.phase, 'Succeeded');
  assert.is(status?.message, 'Done.');
  assert.equal(status?.results, results);
  assert.is(status?.completionTime, after(10).toISOString());
  const next = decided(anObservation({ run: aRun({ status: status ?? {} }), job: aJob() }), after(11), {});
  assert.equal(next.actions, []);
});

test('a Job of another owner with the name of ours fails the run and is left alone', () => {
  const observed = { ...runningRun(undefined), job: aJob({ ownerUid: 'somebody' }) };
  const { actions, status } = decided(observed, after(10), {});
  assert.equal(actions, []);
  assert.is(status?.reason, 'JobRefused');
  assert.match(
    status?.message ?? '',
    /segment-0b9ad1c6 that does not belong to this run exists in namespace lab/,
  );
  const run = aRun({ status: status ?? {} });
  assert.equal(decided({ ...observed, run }, after(11), {}).actions, []);
});

test('the policy does not apply to a run that has its Job', () => {
  const volumes = [{ name: 'd', bindMount: { hostPath: '/srv', containerPath: '/d', mode: 'rw' as const } }];
  const observed = anObservation({ run: aRun({ spec: { volumes } }), job: aJob(), pods: [pod] });
  assert.is(decided(observed, after(10), {}).status?.phase, 'Preparing');
});

test.run();
