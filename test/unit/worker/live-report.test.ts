import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport } from '../../../src/api/report.ts';
import { LiveReport } from '../../../src/worker/live-report.ts';

const progressOf = (report: LiveReport) => report.snapshot().progress;

test('a worker begins by preparing, and has nothing else to tell', () => {
  const { phase, progress, ...rest } = new LiveReport().snapshot();
  assert.is(phase, 'Preparing');
  assert.equal(progress, { message: 'The worker starts.' });
  assert.equal(rest, {});
});

test('while it prepares, what it does is its progress, unless something is fetched', () => {
  const report = new LiveReport();
  report.doing = 'Connecting to Girder';
  assert.equal(progressOf(report), { message: 'Connecting to Girder' });
  const pull = report.beginPull('busybox:1.36');
  assert.equal(progressOf(report), { message: 'Pulling busybox:1.36' });
  pull[Symbol.dispose]();
  assert.equal(progressOf(report), { message: 'Connecting to Girder' });
});

test('a download is progress from its begin to its end, and told with how many more there are', () => {
  const report = new LiveReport();
  const ct = report.beginTransfer('download', ['ct']);
  assert.equal(progressOf(report), { message: 'Downloading ct' });
  assert.is(report.snapshot().transfers, undefined);
  ct.moved(41, 100);
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 41 });
  const set = report.beginTransfer('download', ['set']);
  assert.is(progressOf(report)?.message, 'Downloading ct and 1 more');
  ct[Symbol.dispose]();
  set.moved(0, 50);
  assert.equal(progressOf(report), { message: 'Downloading set', percent: 0 });
});

test('one download for two transforms is one progress and two transfers', () => {
  const report = new LiveReport();
  report.beginTransfer('download', ['ct', 'again']).moved(1, 2);
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 50 });
  const ofBoth = { direction: 'download', bytes: 1, totalBytes: 2 };
  assert.equal(report.snapshot().transfers, [
    { name: 'ct', ...ofBoth },
    { name: 'again', ...ofBoth },
  ]);
});

test('a pull is named with the download beside it, and alone when that ended', () => {
  const report = new LiveReport();
  const pull = report.beginPull('busybox');
  pull.said('Downloading', 30, 90);
  assert.equal(progressOf(report), { message: 'Pulling busybox: Downloading', percent: 33 });
  const ct = report.beginTransfer('download', ['ct']);
  ct.moved(1, 2);
  assert.equal(progressOf(report), { message: 'Downloading ct; pulling busybox', percent: 50 });
  ct[Symbol.dispose]();
  assert.is(progressOf(report)?.message, 'Pulling busybox: Downloading');
});

test('an upload of unknown size moves by its files and bytes, and has a percentage when the size is known', () => {
  const report = new LiveReport();
  report.phase = 'Uploading';
  const masks = report.beginTransfer('upload', ['masks']);
  assert.equal(progressOf(report), { message: 'Uploading masks' });
  masks.moved(3_210_000, undefined);
  masks.fileMoved();
  masks.fileMoved();
  assert.equal(progressOf(report), {
    message: 'Uploading masks: 2 files, 3.2 MB',
    summary: '2 files, 3.2 MB',
  });
  masks.moved(3_300_000, 4_000_000);
  assert.equal(progressOf(report), { message: 'Uploading masks: 2 files', percent: 82 });
  masks[Symbol.dispose]();
  assert.equal(progressOf(report), { message: 'The results are being uploaded.' });
});

test('what the target says of its progress is shown while it runs, and what it leaves out stays', () => {
  const report = new LiveReport();
  report.targetProgress({ message: 'Segmenting' });
  assert.is(progressOf(report)?.message, 'The worker starts.');
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

test('a stream is told, but is no progress', () => {
  const report = new LiveReport();
  report.transferred('download', 'live', 7);
  assert.equal(report.snapshot().transfers, [{ name: 'live', direction: 'download', bytes: 7 }]);
  assert.is(progressOf(report)?.message, 'The worker starts.');
});

test('an upload is progress only while results are uploaded', () => {
  const report = new LiveReport();
  report.beginTransfer('upload', ['mask']).moved(1, 4);
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
