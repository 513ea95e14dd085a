import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport, terminationMessage } from '../../../src/api/report.ts';
import { phaseMessages } from '../../../src/api/status.ts';
import { LiveReport } from '../../../src/worker/progress.ts';

const progressOf = (report: LiveReport) => report.snapshot().progress;

test('a worker begins by preparing, and has nothing else to tell', () => {
  const { phase, progress, ...rest } = new LiveReport().snapshot();
  assert.is(phase, 'Preparing');
  assert.equal(progress, { message: 'The worker is pulling the image and downloading the inputs.' });
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
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 41, summary: '41%' });
  const set = report.beginTransfer('download', ['set']);
  assert.is(progressOf(report)?.message, 'Downloading ct and 1 more');
  ct[Symbol.dispose]();
  set.moved(0, 50);
  assert.equal(progressOf(report), { message: 'Downloading set', percent: 0, summary: '0%' });
});

test('one download for two transforms is one progress and two transfers', () => {
  const report = new LiveReport();
  report.beginTransfer('download', ['ct', 'again']).moved(1, 2);
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 50, summary: '50%' });
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
  assert.equal(progressOf(report), { message: 'Pulling busybox: Downloading', percent: 33, summary: '33%' });
  const ct = report.beginTransfer('download', ['ct']);
  ct.moved(1, 2);
  assert.equal(progressOf(report), {
    message: 'Downloading ct; pulling busybox',
    percent: 50,
    summary: '50%',
  });
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
  assert.equal(progressOf(report), { message: 'Uploading masks: 2 files', percent: 82, summary: '82%' });
  masks[Symbol.dispose]();
  assert.equal(progressOf(report), { message: 'The worker is uploading the results.' });
});

test('what the target says of its progress is shown while it runs, and what it leaves out stays', () => {
  const report = new LiveReport();
  report.targetProgress({ message: 'Segmenting' });
  assert.is(progressOf(report)?.message, phaseMessages.Preparing);
  report.phase = 'Running';
  assert.equal(progressOf(report), { message: 'Segmenting' });
  report.targetProgress({ current: 417, total: 1000 });
  assert.equal(progressOf(report), { message: 'Segmenting', percent: 41, summary: '41%' });
  report.targetProgress({ message: 'Smoothing', current: 2500 });
  assert.equal(progressOf(report), { message: 'Smoothing', percent: 100, summary: '100%' });
});

test('a percentage without a message is that of the target', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ current: -1, total: 100 });
  assert.equal(progressOf(report), { message: 'The target is running.', percent: 0, summary: '0%' });
});

test('a stream is told, but is no progress', () => {
  const report = new LiveReport();
  report.transferred('download', 'live', 7);
  assert.equal(report.snapshot().transfers, [{ name: 'live', direction: 'download', bytes: 7 }]);
  assert.is(progressOf(report)?.message, phaseMessages.Preparing);
});

test('an upload is progress only while results are uploaded', () => {
  const report = new LiveReport();
  report.beginTransfer('upload', ['mask']).moved(1, 4);
  report.phase = 'Running';
  assert.match(progressOf(report)?.message ?? '', /target is running/i);
  report.phase = 'Uploading';
  assert.equal(progressOf(report), { message: 'Uploading mask', percent: 25, summary: '25%' });
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

test('how far a target is, is not known before it reports both numbers', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ current: 3 });
  assert.equal(progressOf(report), { message: 'The target is running.' });
  report.targetProgress({ total: 4 });
  assert.equal(progressOf(report), { message: 'The target is running.', percent: 75, summary: '75%' });
});

test('a message of a target is cut, so that a report stays short', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ message: 'x'.repeat(60_000) });
  assert.match(progressOf(report)?.message ?? '', /^x{1000,1536}…$/);
});

const aResult = (hook: number) => ({
  ...{ hook, itemId: 'i'.repeat(24), fileId: 'f'.repeat(24) },
  ...{ name: `mask-${hook}.nrrd`, size: 1, sha256: '0'.repeat(64) },
});

test('of 1,000 results the first ones are reported, as many as fit, and how many there are', () => {
  const report = new LiveReport();
  const all = Array.from({ length: 1000 }, (_, hook) => aResult(hook));
  for (const result of all) report.uploaded(result);
  const { results = [], resultCount } = report.snapshot();
  assert.equal(results, all.slice(0, results.length));
  assert.is(resultCount, 1000);
  assert.ok(Buffer.byteLength(JSON.stringify(results)) <= 3072);
  assert.ok(Buffer.byteLength(JSON.stringify(all.slice(0, results.length + 1))) > 3072);
});

test('how many results there are is reported also when all of them are', () => {
  const report = new LiveReport();
  assert.is(report.snapshot().resultCount, undefined);
  report.uploaded(aResult(0));
  assert.is(report.snapshot().resultCount, 1);
});

test('a result that does not fit is not listed, and none after it', () => {
  const report = new LiveReport();
  report.uploaded(aResult(0));
  report.uploaded({ ...aResult(1), path: 'p'.repeat(4000) });
  report.uploaded(aResult(2));
  const { results, resultCount } = report.snapshot();
  assert.equal(results, [aResult(0)]);
  assert.is(resultCount, 3);
});

const target = {
  ...{ containerID: 'c'.repeat(64), exitCode: 255, oomKilled: false, reason: 'DeadlineExceeded' },
  ...{ startedAt: '2026-01-02T03:04:05.123456789Z', finishedAt: '2026-01-02T03:04:05.123456789Z' },
};

test('the final report has every result that the live ones had, whatever its message and transfers are', () => {
  const message = fc.string({ unit: 'binary', maxLength: 2000, size: 'max' });
  const result = fc.record({ name: fc.string({ unit: 'binary', maxLength: 255 }), hook: fc.nat(255) });
  fc.assert(
    fc.property(message, fc.array(result, { maxLength: 40 }), fc.nat(80), (message, results, transfers) => {
      const report = new LiveReport();
      report.target = target;
      for (const { name, hook } of results) report.uploaded({ ...aResult(hook), name });
      for (let index = 0; index < transfers; index += 1) report.transferred('upload', `t${index}`, 1, 2);
      const final = { phase: 'Failed', reason: 'ActiveDeadlineExceeded', message } as const;
      const text = terminationMessage({ ...report.snapshot(), ...final });
      assert.ok(Buffer.byteLength(text) <= 4096);
      const read = parseReport(text);
      const { results: kept, resultCount } = report.snapshot();
      assert.equal(
        { results: read?.results, resultCount: read?.resultCount, target: read?.target },
        { results: kept, resultCount, target },
      );
      const bytes = Buffer.byteLength(JSON.stringify(read?.message));
      assert.ok(read?.message === message || bytes >= 600, `${bytes} bytes`);
    }),
  );
});

test.run();
