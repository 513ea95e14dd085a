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

test('a target that runs, and an upload, are looked at by time only every five minutes', () => {
  assert.is(atWorker({ phase: 'Running' }), 300_000);
  assert.is(atWorker({ phase: 'Uploading' }), 300_000);
});

// The pod was created 2 s after the run.
test('a worker that prepares, or has said nothing yet, is looked at when its start deadline is over', () => {
  assert.is(atWorker({ phase: 'Preparing' }), 52_000);
  assert.is(atWorker(undefined), 52_000);
  assert.is(atWorker(undefined, running, 100), 300_000);
});

test('a pod that is being taken away, and one that has ended, are looked at every half minute', () => {
  const live: Report = { phase: 'Running' };
  assert.is(atWorker(live, aPod({ kind: 'running' }, { deletionTimestamp: after(9).toISOString() })), 30_000);
  const ended = aPod({ kind: 'terminated', exitCode: 1, reason: 'Error', report: undefined });
  assert.is(atWorker(undefined, ended), 30_000);
});

test('a pod that waits is looked at after 5 s, and ever less often, but when its start deadline is over', () => {
  const run = aRun({ spec: { startDeadlineSeconds: 600 } });
  const waits = [2, 7, 12, 22, 42, 72, 590].map((seconds) =>
    requeueWhilePending(anObservation({ run, job: aJob(), pods: [starting] }), after(seconds)),
  );
  assert.equal(waits, [5_000, 5_000, 10_000, 20_000, 30_000, 30_000, 12_000]);
});

test('a run without a pod or a Job is looked at as often, counted from what there is', () => {
  const run = aRun({ spec: { startDeadlineSeconds: 600 } });
  assert.is(requeueWhilePending(anObservation({ run }), after(12)), 12_000);
  assert.is(requeueWhilePending(anObservation({ run, job: aJob() }), after(12)), 11_000);
});

test.run();
