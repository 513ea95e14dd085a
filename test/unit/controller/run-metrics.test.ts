import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus, Transfer } from '../../../src/api/status.ts';
import { statusDelta } from '../../../src/controller/metrics/run-metrics.ts';

const metadata = {
  name: 'segment',
  namespace: 'lab',
  uid: 'u',
  generation: 1,
  creationTimestamp: '2026-01-01T10:00:00Z',
};

const running: DockerRunStatus = { phase: 'Running', attempts: 1, podName: 'p' };

const succeeded: DockerRunStatus = {
  ...running,
  phase: 'Succeeded',
  reason: 'Succeeded',
  startTime: '2026-01-01T10:00:02Z',
  attemptHistory: [{ podUID: 'x', podName: 'p', startTime: '2026-01-01T10:00:04Z' }],
  target: { startedAt: '2026-01-01T10:00:10.500Z', finishedAt: '2026-01-01T10:01:10.500Z' },
  completionTime: '2026-01-01T10:01:12.500Z',
};

function transfer(direction: Transfer['direction'], name: string, bytes: number): Transfer {
  return { direction, name, bytes };
}

test('the write that ends a run has its outcome, reason and durations', () => {
  assert.equal(statusDelta(metadata, running, succeeded).end, {
    outcome: 'Succeeded',
    reason: 'Succeeded',
    seconds: 72.5,
    phases: [
      { phase: 'queue', seconds: 4 },
      { phase: 'stage', seconds: 6.5 },
      { phase: 'run', seconds: 60 },
      { phase: 'upload', seconds: 2 },
    ],
  });
});

test('a later write to an ended run is not an end', () => {
  assert.is(statusDelta(metadata, succeeded, { ...succeeded, message: 'cleaned up' }).end, undefined);
});

test('a run that still runs has no end', () => {
  assert.is(statusDelta(metadata, {}, running).end, undefined);
});

test('phases that a run never reached are left out', () => {
  const failed: DockerRunStatus = {
    phase: 'Failed',
    reason: 'HostPathNotAllowed',
    completionTime: '2026-01-01T10:00:00.250Z',
  };
  assert.equal(statusDelta(metadata, {}, failed).end, {
    outcome: 'Failed',
    reason: 'HostPathNotAllowed',
    seconds: 0.25,
    phases: [],
  });
});

test('the time of staging is that of the last attempt', () => {
  const retried: DockerRunStatus = {
    ...succeeded,
    attemptHistory: [
      { podUID: 'x', podName: 'p', startTime: '2026-01-01T10:00:01Z' },
      { podUID: 'y', podName: 'q', startTime: '2026-01-01T10:00:09Z' },
    ],
  };
  const phases = statusDelta(metadata, running, retried).end?.phases ?? [];
  assert.equal(phases.slice(0, 2), [
    { phase: 'queue', seconds: 1 },
    { phase: 'stage', seconds: 1.5 },
  ]);
});

test('no time is negative, although clocks differ', () => {
  const early = { ...succeeded, target: { startedAt: '2026-01-01T10:00:03Z' } };
  const phases = statusDelta(metadata, running, early).end?.phases ?? [];
  assert.equal(
    phases.find(({ phase }) => phase === 'stage'),
    { phase: 'stage', seconds: 0 },
  );
});

test('a reason that is not in the table becomes Unknown, so that the number of series is limited', () => {
  const odd = { ...succeeded, phase: 'Failed' as const, reason: 'lab/secret-name' };
  assert.is(statusDelta(metadata, running, odd).end?.reason, 'Unknown');
});

test('every byte is counted once', () => {
  const before = { ...running, transfers: [transfer('download', 'ct', 100)] };
  const after = {
    ...running,
    transfers: [transfer('download', 'ct', 150), transfer('download', 'mr', 7), transfer('upload', 'ct', 5)],
  };
  assert.equal(statusDelta(metadata, before, after).bytes, { download: 57, upload: 5 });
  assert.equal(statusDelta(metadata, after, after).bytes, { download: 0, upload: 0 });
});

test('the bytes of a second attempt are counted again', () => {
  const before = { ...running, transfers: [transfer('download', 'ct', 100)] };
  const after = { ...running, podName: 'q', attempts: 2, transfers: [transfer('download', 'ct', 40)] };
  const { bytes, attempts } = statusDelta(metadata, before, after);
  assert.equal(bytes, { download: 40, upload: 0 });
  assert.is(attempts, 1);
});

test.run();
