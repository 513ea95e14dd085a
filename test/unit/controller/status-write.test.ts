import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { progressIntervalMs, whenToWrite } from '../../../src/controller/status-write.ts';

const running: DockerRunStatus = { phase: 'Running', reason: 'Running', message: 'live', attempts: 1 };

test('what is stored already is not written again, also when a field without a value is more', () => {
  assert.equal(whenToWrite(running, { ...running }, 1e9), { kind: 'never' });
  const withNothing = { ...running, nodeName: undefined } as unknown as DockerRunStatus;
  assert.equal(whenToWrite(running, withNothing, 1e9), { kind: 'never' });
});

for (const [what, change] of [
  ['a phase', { phase: 'Uploading' }],
  ['a reason', { reason: 'Retrying' }],
  ['an attempt', { attempts: 2 }],
  ['a Job', { jobName: 'j' }],
  ['a pod', { podName: 'p' }],
  ['a node', { nodeName: 'n' }],
  ['what became of the target', { target: { exitCode: 3 } }],
] as const) {
  test(`${what} is written at once`, () => {
    assert.equal(whenToWrite(running, { ...running, ...change }, 0), { kind: 'now' });
  });
}

test('mere progress is written every 5 s, and the rest of that time is waited for', () => {
  const moved = { ...running, message: 'further', progress: { message: 'further', percent: 2 } };
  assert.equal(whenToWrite(running, moved, 1_000), {
    kind: 'later',
    milliseconds: progressIntervalMs - 1_000,
  });
  assert.equal(whenToWrite(running, moved, progressIntervalMs), { kind: 'now' });
});

test('the first status of a run is written at once', () => {
  assert.equal(whenToWrite({}, { phase: 'Pending' }, 0), { kind: 'now' });
});

test.run();
