import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { isNews } from '../../../src/controller/events.ts';

const running: DockerRunStatus = { phase: 'Running', reason: 'Running', attempts: 1 };

test('the end of a run is news, once', () => {
  for (const [phase, reason] of [
    ['Succeeded', 'Succeeded'],
    ['Failed', 'TargetFailed'],
  ] as const) {
    const ended = { ...running, phase, reason };
    assert.ok(isNews(running, ended));
    assert.not.ok(isNews(ended, { ...ended, message: 'other words' }));
  }
});

test('another attempt is news', () => {
  const retrying: DockerRunStatus = { phase: 'Pending', reason: 'Retrying', attempts: 2 };
  assert.ok(isNews(running, retrying));
  assert.ok(isNews(retrying, { ...retrying, attempts: 3 }));
  assert.not.ok(isNews(retrying, { ...retrying, message: 'still waiting' }));
});

test('where a run is, its status says; that is no news', () => {
  assert.not.ok(isNews({}, { phase: 'Pending', reason: 'Pending' }));
  assert.not.ok(isNews(running, { ...running, phase: 'Uploading', reason: 'Uploading' }));
});

test.run();
