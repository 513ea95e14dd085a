import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { type Decision } from '../../../src/controller/decide/outcome.ts';
import { type Observed } from '../../../src/controller/observe/observed.ts';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { after, aJob, anObservation, aPod, aRun, decided } from '../../fixtures/builders.ts';

const running = aPod({ kind: 'running' }, { podIP: '10.0.0.7', phase: 'Running' });
const withJob: DockerRunStatus = { phase: 'Running', jobName: aJob().name, podName: running.name };
const report = { phase: 'Failed', reason: 'Cancelled', message: 'stopped by SIGTERM' } as const;
const stopped = aPod({ kind: 'terminated', exitCode: 71, reason: 'Error', report }, { phase: 'Failed' });
const held = 'example.org/keeps-it';

function deleted(finalizers: string[], more: Partial<Observed> = {}): Decision {
  const run = aRun({ metadata: { deletionTimestamp: after(5).toISOString(), finalizers }, status: withJob });
  return decided(anObservation({ run, job: aJob(), pods: [running], ...more }), after(10), {});
}

test('the Job of a deleted run is deleted even if a finalizer keeps the run, unless the deletion orphans it', () => {
  const deletion = { kind: 'deleteJob', name: aJob().name, uid: 'job-uid', waits: true };
  assert.equal(deleted([held]).actions, [deletion]);
  assert.equal(deleted(['foregroundDeletion']).actions, [deletion]);
  assert.equal(deleted(['orphan', held]).actions, []);
});

test('a deleted run gets a status only while a finalizer keeps it, and ends with its pod', () => {
  assert.is(deleted([held]).status?.reason, 'Cancelling');
  assert.is(deleted([held]).status?.message, 'The run is being deleted.');
  const end = deleted([held], { pods: [stopped] }).status;
  assert.is(end?.phase, 'Cancelled');
  assert.match(end?.message ?? '', /^The run was deleted\. /);
  assert.is(end?.attemptHistory?.[0]?.reason, 'Cancelled');
  assert.is(deleted([held], { job: undefined, pods: [] }).status?.phase, 'Cancelled');
  for (const finalizers of [[], ['foregroundDeletion'], ['orphan', held]])
    assert.is(deleted(finalizers).status, undefined);
});

test('a pod that was left by a deleted Job is deleted', () => {
  const lost = (pod: ObservedPod) =>
    decided(anObservation({ run: aRun({ status: withJob }), pods: [pod] }), after(10), {});
  const { actions, status } = lost(running);
  assert.equal(actions, [{ kind: 'deletePod', name: running.name, uid: running.uid }]);
  assert.is(status?.reason, 'JobDeleted');
  assert.equal(lost({ ...running, deletionTimestamp: after(9).toISOString() }).actions, []);
  const run = aRun({ spec: { cancel: true }, status: withJob });
  const cancelled = decided(anObservation({ run, pods: [running] }), after(10), {});
  assert.equal(cancelled.actions, actions);
  assert.is(cancelled.status?.reason, 'Cancelling');
});

test.run();
