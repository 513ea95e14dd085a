import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { isEventful } from '../../../src/controller/decide/run-event.ts';

const running: DockerRunStatus = { phase: 'Running', reason: 'Running', attempts: 1 };

test('the end of a run is news, once', () => {
  for (const [phase, reason] of [
    ['Succeeded', 'Succeeded'],
    ['Failed', 'TargetFailed'],
  ] as const) {
    const ended = { ...running, phase, reason };
    assert.ok(isEventful(running, ended));
    assert.not.ok(isEventful(ended, { ...ended, message: 'other words' }));
  }
});

test('another attempt is news when one has failed, and not again when the next one comes', () => {
  const completionTime = '2026-01-02T03:04:05Z';
  const attempt = (podUID: string) => ({ podUID, podName: podUID });
  const first = { ...attempt('a'), completionTime };
  const retrying: DockerRunStatus = {
    ...{ phase: 'Pending', reason: 'Retrying', attempts: 1 },
    attemptHistory: [first],
  };
  const next = { ...retrying, attempts: 2, attemptHistory: [first, attempt('b')] };
  const failed = { ...next, attemptHistory: [first, { ...attempt('b'), completionTime }] };
  assert.ok(isEventful(running, retrying));
  assert.not.ok(isEventful(retrying, { ...retrying, message: 'still waiting' }));
  assert.not.ok(isEventful(retrying, next));
  assert.ok(isEventful(next, failed));
});

test('a suspension is news once, however much of the spec is changed meanwhile', () => {
  const suspended: DockerRunStatus = { phase: 'Suspended', reason: 'Suspended', observedGeneration: 2 };
  assert.ok(isEventful(running, suspended));
  assert.not.ok(isEventful(suspended, { ...suspended, observedGeneration: 3 }));
});

test('where a run is, its status says; that is no news', () => {
  assert.not.ok(isEventful({}, { phase: 'Pending', reason: 'Pending' }));
  assert.not.ok(isEventful(running, { ...running, phase: 'Uploading', reason: 'Uploading' }));
});

test.run();
