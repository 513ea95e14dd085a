import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport } from '../../../src/api/report.ts';
import { LiveReport } from '../../../src/worker/live-report.ts';

const progressOf = (report: LiveReport) => report.snapshot().progress;

test('a worker begins by preparing, and has nothing else to tell', () => {
  const { phase, progress, ...rest } = new LiveReport().snapshot();
  assert.is(phase, 'Preparing');
  assert.match(progress?.message ?? '', /prepares/i);
  assert.is(progress?.percent, undefined);
  assert.equal(rest, {});
});

test('while it prepares, an open download is its progress, and how many more there are', () => {
  const report = new LiveReport();
  report.transferred('download', 'ct', 41, 100);
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 41 });
  report.transferred('download', 'set', 0, 50);
  assert.is(progressOf(report)?.message, 'Downloading ct and 1 more');
  report.transferred('download', 'ct', 100, 100);
  assert.equal(progressOf(report), { message: 'Downloading set', percent: 0 });
});

test('a pull is its progress when no download is open', () => {
  const report = new LiveReport();
  report.pulling('Pulling busybox', 30, 90);
  assert.equal(progressOf(report), { message: 'Pulling busybox', percent: 33 });
  report.transferred('download', 'ct', 1, 2);
  assert.match(progressOf(report)?.message ?? '', /ct/);
  report.transferred('download', 'ct', 2, 2);
  report.pulling(undefined);
  assert.match(progressOf(report)?.message ?? '', /prepares/i);
});

test('a size that is not known yet, or is nothing, gives no percentage', () => {
  const report = new LiveReport();
  report.pulling('Pulling busybox', 30, 0);
  assert.equal(progressOf(report), { message: 'Pulling busybox' });
});

test('more bytes than there should be are never more than all', () => {
  const report = new LiveReport();
  report.pulling('Pulling busybox', 120, 90);
  assert.is(progressOf(report)?.percent, 100);
});

test('what the target says of its progress is shown while it runs, and what it leaves out stays', () => {
  const report = new LiveReport();
  report.targetProgress({ message: 'Segmenting' });
  assert.match(progressOf(report)?.message ?? '', /prepares/i);
  report.phase = 'Running';
  assert.equal(progressOf(report), { message: 'Segmenting' });
  report.targetProgress({ percent: 41.7 });
  assert.equal(progressOf(report), { message: 'Segmenting', percent: 41 });
  report.targetProgress({ message: 'Smoothing', percent: 250 });
  assert.equal(progressOf(report), { message: 'Smoothing', percent: 100 });
});

test('a percentage without a message is that of the target', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ percent: -1 });
  assert.equal(progressOf(report), { message: 'The target runs.', percent: 0 });
});

test('a transfer whose size nobody knows is told, but is no progress', () => {
  const report = new LiveReport();
  report.transferred('download', 'live', 7);
  assert.equal(report.snapshot().transfers, [{ name: 'live', direction: 'download', bytes: 7 }]);
  assert.match(progressOf(report)?.message ?? '', /prepares/i);
});

test('an upload is progress only while results are uploaded', () => {
  const report = new LiveReport();
  report.transferred('upload', 'mask', 1, 4);
  report.phase = 'Running';
  assert.match(progressOf(report)?.message ?? '', /target runs/i);
  report.phase = 'Uploading';
  assert.equal(progressOf(report), { message: 'Uploading mask', percent: 25 });
});

test('a transfer stands in the report once, and a download and an upload of one name are two', () => {
  const report = new LiveReport();
  report.transferred('download', 'ct', 1, 2);
  report.transferred('download', 'ct', 2, 2);
  report.transferred('upload', 'ct', 0, 9);
  assert.equal(report.snapshot().transfers, [
    { name: 'ct', direction: 'download', bytes: 2, totalBytes: 2 },
    { name: 'ct', direction: 'upload', bytes: 0, totalBytes: 9 },
  ]);
});

test('a snapshot does not change when the run goes on', () => {
  const report = new LiveReport();
  const result = { hook: 0, itemId: 'i', fileId: 'f', name: 'n', size: 1, sha256: '00' };
  report.uploaded(result);
  const before = report.snapshot();
  report.uploaded({ ...result, hook: 1 });
  report.phase = 'Uploading';
  assert.equal(before.results, [result]);
  assert.is(before.phase, 'Preparing');
});

test('what the controller polls is a report that it can read', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.target = { containerID: 'c', startedAt: '2026-01-02T03:04:05.000Z' };
  report.transferred('download', 'ct', 2, 2);
  assert.equal(parseReport(JSON.stringify(report.snapshot())), report.snapshot());
});

test('of more results than a status has room for only the number is kept', () => {
  const report = new LiveReport();
  const ids = { itemId: 'i', fileId: 'f', size: 1, sha256: 's' };
  for (let hook = 0; hook < 1005; hook += 1) report.uploaded({ ...ids, hook, name: 'n' });
  const { results, resultCount } = report.snapshot();
  assert.equal([results?.length, results?.at(-1)?.hook, resultCount], [1000, 999, 1005]);
});

test.run();
