import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { requeueWhilePending, requeueWhileRunning } from '../../../src/controller/decide/start-deadline.ts';
import { after, aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const running = aPod({ kind: 'running' });
const starting = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' });

const atWorker = (live: Report | undefined, pod = running, seconds = 10) =>
  requeueWhileRunning(
    anObservation({ run: aRun({ spec: { startDeadlineSeconds: 60 } }), job: aJob(), pods: [pod], live }),
    pod,
    after(seconds),
  );

test('a run whose target runs, or that uploads, is requeued after five minutes', () => {
  assert.is(atWorker({ phase: 'Running' }), 300_000);
  assert.is(atWorker({ phase: 'Uploading' }), 300_000);
});

// The pod was created 2 s after the run.
test('a run whose worker prepares or has not reported yet is requeued for its start deadline', () => {
  assert.is(atWorker({ phase: 'Preparing' }), 52_000);
  assert.is(atWorker(undefined), 52_000);
  assert.is(atWorker(undefined, running, 100), 300_000);
});

test('a run whose pod is being deleted or has ended is requeued after 30 s', () => {
  const live: Report = { phase: 'Running' };
  assert.is(atWorker(live, aPod({ kind: 'running' }, { deletionTimestamp: after(9).toISOString() })), 30_000);
  const ended = aPod({ kind: 'terminated', exitCode: 1, reason: 'Error', report: undefined });
  assert.is(atWorker(undefined, ended), 30_000);
});

test('a pending run is requeued after 5 s, then less often, and for its start deadline', () => {
  const run = aRun({ spec: { startDeadlineSeconds: 600 } });
  const waits = [2, 7, 12, 22, 42, 72, 590].map((seconds) =>
    requeueWhilePending(anObservation({ run, job: aJob(), pods: [starting] }), after(seconds)),
  );
  assert.equal(waits, [5_000, 5_000, 10_000, 20_000, 30_000, 30_000, 12_000]);
});

test('a run without a pod is requeued as often, counted from its Job or its creation', () => {
  const run = aRun({ spec: { startDeadlineSeconds: 600 } });
  assert.is(requeueWhilePending(anObservation({ run }), after(12)), 12_000);
  assert.is(requeueWhilePending(anObservation({ run, job: aJob() }), after(12)), 11_000);
});

test.run();
