import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { needsEvent } from '../../../src/controller/decide/run-event.ts';

const running: DockerRunStatus = { phase: 'Running', reason: 'Running', attempts: 1 };

test('the end of a run needs one Event', () => {
  for (const [phase, reason] of [
    ['Succeeded', 'Succeeded'],
    ['Failed', 'TargetFailed'],
  ] as const) {
    const ended = { ...running, phase, reason };
    assert.ok(needsEvent(running, ended));
    assert.not.ok(needsEvent(ended, { ...ended, message: 'other words' }));
  }
});

test('each failed attempt with a retry needs one Event, and the next attempt none', () => {
  const completionTime = '2026-01-02T03:04:05Z';
  const attempt = (podUID: string) => ({ podUID, podName: podUID });
  const first = { ...attempt('a'), completionTime };
  const retrying: DockerRunStatus = {
    ...{ phase: 'Pending', reason: 'Retrying', attempts: 1 },
    attemptHistory: [first],
  };
  const next = { ...retrying, attempts: 2, attemptHistory: [first, attempt('b')] };
  const failed = { ...next, attemptHistory: [first, { ...attempt('b'), completionTime }] };
  assert.ok(needsEvent(running, retrying));
  assert.not.ok(needsEvent(retrying, { ...retrying, message: 'still waiting' }));
  assert.not.ok(needsEvent(retrying, next));
  assert.ok(needsEvent(next, failed));
});

test('a suspension needs one Event, even if the spec changes meanwhile', () => {
  const suspended: DockerRunStatus = { phase: 'Suspended', reason: 'Suspended', observedGeneration: 2 };
  assert.ok(needsEvent(running, suspended));
  assert.not.ok(needsEvent(suspended, { ...suspended, observedGeneration: 3 }));
});

test('a change of the phase alone needs no Event', () => {
  assert.not.ok(needsEvent({}, { phase: 'Pending', reason: 'Pending' }));
  assert.not.ok(needsEvent(running, { ...running, phase: 'Uploading', reason: 'Uploading' }));
});

test.run();
