import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import {
  type Change,
  changeOf,
  progressIntervalMs,
  whenToWrite,
} from '../../../src/controller/apply/status-writer.ts';

const pending: DockerRunStatus = { phase: 'Pending', reason: 'Pending', jobName: 'j', observedGeneration: 1 };
const running: DockerRunStatus = {
  ...pending,
  ...{ phase: 'Running', reason: 'Running', message: 'live', attempts: 1, target: { containerID: 'c' } },
};

test('a stored status is not written again, even if the new one has a field without a value', () => {
  assert.is(changeOf(running, { ...running }), 'none');
  const withUndefined = { ...running, nodeName: undefined } as unknown as DockerRunStatus;
  assert.is(changeOf(running, withUndefined), 'none');
});

for (const [what, before, change, kind] of [
  ['the first status', {}, { phase: 'Pending' }, 'milestone'],
  ['the start of the target', pending, running, 'milestone'],
  ['another reason', running, { reason: 'Cancelling' }, 'milestone'],
  ['another attempt', running, { attempts: 2 }, 'milestone'],
  ['another generation', running, { observedGeneration: 2 }, 'milestone'],
  ['another Job', running, { jobName: 'another' }, 'milestone'],
  ['the end', running, { phase: 'Succeeded', reason: 'Succeeded' }, 'milestone'],
  ['another attempt that prepares', running, { phase: 'Preparing', attempts: 2 }, 'milestone'],
  ['the phase Preparing', pending, { phase: 'Preparing', reason: 'Preparing' }, 'transient'],
  ['the phase Uploading', running, { phase: 'Uploading', reason: 'Uploading' }, 'transient'],
  ['the exit code of the target', running, { target: { exitCode: 3 } }, 'transient'],
  ['the first attempt', pending, { attempts: 1 }, 'progress'],
  ['a pod and its node', pending, { podName: 'p', nodeName: 'n' }, 'progress'],
  ['progress', running, { message: 'further', progress: { message: 'further', percent: 2 } }, 'progress'],
] as [what: string, before: DockerRunStatus, change: DockerRunStatus, kind: Change][]) {
  test(`a change by ${what} is of the kind ${kind}`, () => {
    assert.is(changeOf(before, { ...before, ...change }), kind);
  });
}

const intervalMs = progressIntervalMs;
const justNow = { sinceLastWriteMs: 0, heldMs: 0, intervalMs };
const longAgo = { sinceLastWriteMs: 1e9, heldMs: 1e9, intervalMs };

test('a milestone is written at once, and an unchanged status never', () => {
  assert.equal(whenToWrite('milestone', justNow), { kind: 'now' });
  assert.equal(whenToWrite('none', longAgo), { kind: 'never' });
});

test('a transient change is written once it lasts, however long ago the last write was', () => {
  assert.equal(whenToWrite('transient', { ...longAgo, heldMs: 500 }), {
    kind: 'later',
    milliseconds: progressIntervalMs - 500,
  });
  assert.equal(whenToWrite('transient', { ...justNow, heldMs: progressIntervalMs }), { kind: 'now' });
});

test('progress is written at most every 5 s', () => {
  assert.equal(whenToWrite('progress', { ...justNow, sinceLastWriteMs: 1_000 }), {
    kind: 'later',
    milliseconds: progressIntervalMs - 1_000,
  });
  assert.equal(whenToWrite('progress', { ...justNow, sinceLastWriteMs: progressIntervalMs }), {
    kind: 'now',
  });
});

test.run();
