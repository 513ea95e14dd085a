import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { StatusWriter } from '../../../src/controller/apply/status-writer.ts';

const pending: DockerRunStatus = { phase: 'Pending', reason: 'Pending' };
const preparing: DockerRunStatus = { phase: 'Preparing', reason: 'Preparing' };
const running: DockerRunStatus = { phase: 'Running', reason: 'Running' };
const moved: DockerRunStatus = { ...running, message: 'further' };
const uploading: DockerRunStatus = { phase: 'Uploading', reason: 'Uploading' };

test('a phase that is overtaken within five seconds is never written', () => {
  const times = new StatusWriter();
  assert.is(times.when('a', {}, pending, 0).kind, 'now');
  times.wrote('a', 0);
  assert.equal(times.when('a', pending, preparing, 1_000), { kind: 'later', milliseconds: 5_000 });
  assert.equal(times.when('a', pending, preparing, 5_500), { kind: 'later', milliseconds: 500 });
  assert.equal(times.when('a', pending, running, 5_800), { kind: 'now' });
});

test('a phase that lasts is written five seconds after it was seen, however much was said in it', () => {
  const times = new StatusWriter();
  times.when('a', running, uploading, 10_000);
  times.when('a', running, { ...uploading, message: 'more' }, 11_000);
  assert.equal(times.when('a', running, { ...uploading, message: 'yet more' }, 15_000), { kind: 'now' });
});

test('after a restart the progress of many runs is not written at once', () => {
  const times = new StatusWriter();
  const atOnce = Array.from({ length: 1_000 }, (_, index) => times.when(`run ${index}`, running, moved, 0));
  assert.ok(atOnce.filter(({ kind }) => kind === 'now').length < 50);
  assert.ok(atOnce.every((when) => when.kind !== 'later' || when.milliseconds <= 5_000));
});

test('all runs together write progress at most fifty times a second, and each gets its turn', () => {
  const times = new StatusWriter();
  const keys = Array.from({ length: 1_000 }, (_, index) => `run ${index}`);
  for (const key of keys) times.wrote(key, 0);
  const written = new Map<string, number>();
  const waits = new Map(keys.map((key) => [key, 5_000]));
  for (let now = 5_000; written.size < keys.length; now += 100) {
    for (const [key, due] of waits) {
      if (due > now) continue;
      const when = times.when(key, running, moved, now);
      if (when.kind === 'later') waits.set(key, now + when.milliseconds);
      else {
        times.wrote(key, now);
        written.set(key, now);
        waits.delete(key);
      }
    }
    assert.ok(now < 30_000);
    assert.ok(written.size <= ((now - 5_000) / 1_000) * 50 + 6, `${written.size} by ${now}`);
  }
});

test('news has no turn to wait for', () => {
  const times = new StatusWriter();
  for (let index = 0; index < 1_000; index += 1) times.when(`run ${index}`, running, moved, 1e6);
  assert.equal(times.when('milestone', pending, running, 1e6), { kind: 'now' });
});

test('a run that is forgotten takes no room', () => {
  const times = new StatusWriter();
  times.when('a', {}, pending, 0);
  assert.is(times.size, 1);
  times.forget('a');
  assert.is(times.size, 0);
});

test.run();
