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

test('what is stored already is not written again, also when a field without a value is more', () => {
  assert.is(changeOf(running, { ...running }), 'nothing');
  const withNothing = { ...running, nodeName: undefined } as unknown as DockerRunStatus;
  assert.is(changeOf(running, withNothing), 'nothing');
});

for (const [what, before, change, kind] of [
  ['the first status', {}, { phase: 'Pending' }, 'milestone'],
  ['that the target runs', pending, running, 'milestone'],
  ['a reason', running, { reason: 'Cancelling' }, 'milestone'],
  ['another attempt', running, { attempts: 2 }, 'milestone'],
  ['another generation', running, { observedGeneration: 2 }, 'milestone'],
  ['a Job', running, { jobName: 'another' }, 'milestone'],
  ['the end', running, { phase: 'Succeeded', reason: 'Succeeded' }, 'milestone'],
  ['that an attempt prepares after another', running, { phase: 'Preparing', attempts: 2 }, 'milestone'],
  ['that a run prepares', pending, { phase: 'Preparing', reason: 'Preparing' }, 'transient'],
  ['that results are uploaded', running, { phase: 'Uploading', reason: 'Uploading' }, 'transient'],
  ['what became of the target', running, { target: { exitCode: 3 } }, 'transient'],
  ['the first attempt', pending, { attempts: 1 }, 'progress'],
  ['a pod and its node', pending, { podName: 'p', nodeName: 'n' }, 'progress'],
  ['progress', running, { message: 'further', progress: { message: 'further', percent: 2 } }, 'progress'],
] as [what: string, before: DockerRunStatus, change: DockerRunStatus, kind: Change][]) {
  test(`${what} is ${kind}`, () => {
    assert.is(changeOf(before, { ...before, ...change }), kind);
  });
}

const justNow = { sinceLastWriteMs: 0, heldMs: 0 };
const longAgo = { sinceLastWriteMs: 1e9, heldMs: 1e9 };

test('news is written at once, and what is stored never', () => {
  assert.equal(whenToWrite('milestone', justNow), { kind: 'now' });
  assert.equal(whenToWrite('nothing', longAgo), { kind: 'never' });
});

test('a phase that may pass in a moment is written when it lasts, however long ago the last write was', () => {
  assert.equal(whenToWrite('transient', { ...longAgo, heldMs: 500 }), {
    kind: 'later',
    milliseconds: progressIntervalMs - 500,
  });
  assert.equal(whenToWrite('transient', { ...justNow, heldMs: progressIntervalMs }), { kind: 'now' });
});

test('mere progress is written every 5 s, and the rest of that time is waited for', () => {
  assert.equal(whenToWrite('progress', { ...justNow, sinceLastWriteMs: 1_000 }), {
    kind: 'later',
    milliseconds: progressIntervalMs - 1_000,
  });
  assert.equal(whenToWrite('progress', { ...justNow, sinceLastWriteMs: progressIntervalMs }), {
    kind: 'now',
  });
});

test.run();
