import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { labels } from '../../../src/api/names.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { StatusWriter } from '../../../src/controller/apply/status-writer.ts';
import { aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const pending: DockerRunStatus = { phase: 'Pending', reason: 'Pending' };
const preparing: DockerRunStatus = { phase: 'Preparing', reason: 'Preparing' };
const running: DockerRunStatus = { phase: 'Running', reason: 'Running' };
const moved: DockerRunStatus = { ...running, message: 'further' };
const uploading: DockerRunStatus = { phase: 'Uploading', reason: 'Uploading' };

/** What is observed of a run whose stored status is this one. */
const stored = (status: DockerRunStatus) => anObservation({ run: aRun({ status }) });

test('a phase that lasts less than five seconds is never written', () => {
  const writer = new StatusWriter();
  assert.is(writer.when('a', stored({}), pending, 0).kind, 'now');
  writer.wrote('a', 0);
  assert.equal(writer.when('a', stored(pending), preparing, 1_000), { kind: 'later', milliseconds: 5_000 });
  assert.equal(writer.when('a', stored(pending), preparing, 5_500), { kind: 'later', milliseconds: 500 });
  assert.equal(writer.when('a', stored(pending), running, 5_800), { kind: 'now' });
});

test('a phase that lasts is written five seconds after it was first observed, whatever its progress', () => {
  const writer = new StatusWriter();
  writer.when('a', stored(running), uploading, 10_000);
  writer.when('a', stored(running), { ...uploading, message: 'more' }, 11_000);
  assert.equal(writer.when('a', stored(running), { ...uploading, message: 'yet more' }, 15_000), {
    kind: 'now',
  });
});

test('progress of a run of a set is written every fifteen seconds, and its milestones at once', () => {
  const writer = new StatusWriter();
  const metadata = { labels: { [labels.set]: 'slides' } };
  const chunk = (status: DockerRunStatus) => anObservation({ run: aRun({ metadata, status }) });
  writer.wrote('a', 0);
  assert.equal(writer.when('a', chunk(running), moved, 5_000), { kind: 'later', milliseconds: 10_000 });
  assert.equal(writer.when('a', chunk(running), moved, 15_000), { kind: 'now' });
  assert.equal(writer.when('a', chunk(pending), running, 100), { kind: 'now' });
});

test('after a restart, the progress of many runs is not written all at once', () => {
  const writer = new StatusWriter();
  const atOnce = Array.from({ length: 1_000 }, (_, index) =>
    writer.when(`run ${index}`, stored(running), moved, 0),
  );
  assert.ok(atOnce.filter(({ kind }) => kind === 'now').length < 50);
  assert.ok(atOnce.every((when) => when.kind !== 'later' || when.milliseconds <= 5_000));
});

test('all runs together write progress at most fifty times a second, and each run gets its turn', () => {
  const writer = new StatusWriter();
  const keys = Array.from({ length: 1_000 }, (_, index) => `run ${index}`);
  for (const key of keys) writer.wrote(key, 0);
  const written = new Map<string, number>();
  const waits = new Map(keys.map((key) => [key, 5_000]));
  for (let now = 5_000; written.size < keys.length; now += 100) {
    for (const [key, due] of waits) {
      if (due > now) continue;
      const when = writer.when(key, stored(running), moved, now);
      if (when.kind === 'later') waits.set(key, now + when.milliseconds);
      else {
        writer.wrote(key, now);
        written.set(key, now);
        waits.delete(key);
      }
    }
    assert.ok(now < 30_000);
    assert.ok(written.size <= ((now - 5_000) / 1_000) * 50 + 6, `${written.size} by ${now}`);
  }
});

test('a milestone does not wait for a turn', () => {
  const writer = new StatusWriter();
  for (let index = 0; index < 1_000; index += 1) writer.when(`run ${index}`, stored(running), moved, 1e6);
  assert.equal(writer.when('another run', stored(pending), running, 1e6), { kind: 'now' });
});

test('the node of a worker that may leave something there is written at once', () => {
  const writer = new StatusWriter();
  const spec = { volumes: [{ name: 'scratch', temporary: { hostDir: '/srv/data/scratch' } }] };
  const observed = anObservation({
    run: aRun({ spec, status: pending }),
    job: aJob(),
    pods: [aPod({ kind: 'running' })],
  });
  assert.equal(writer.when('a', observed, preparing, 0).kind, 'later');
  const withNode = { ...preparing, podName: 'p', nodeName: 'node-1' };
  assert.equal(writer.when('a', observed, withNode, 0), { kind: 'now' });
});

test('a run that is forgotten takes no memory', () => {
  const writer = new StatusWriter();
  writer.when('a', stored({}), pending, 0);
  assert.is(writer.size, 1);
  writer.forget('a');
  assert.is(writer.size, 0);
});

test.run();
