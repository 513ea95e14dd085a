import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport, terminationMessage } from '../../../src/api/report.ts';
import { phaseMessages } from '../../../src/api/status.ts';
import { LiveReport } from '../../../src/worker/progress.ts';

const progressOf = (report: LiveReport) => report.snapshot().progress;

test('the first report has only the phase and its message', () => {
  const { phase, progress, ...rest } = new LiveReport().snapshot();
  assert.is(phase, 'Preparing');
  assert.equal(progress, { message: 'The worker is pulling the image and downloading the inputs.' });
  assert.equal(rest, {});
});

test('while the run is prepared, a pull takes precedence over what the worker is doing', () => {
  const report = new LiveReport();
  report.doing = 'Connecting to Girder';
  assert.equal(progressOf(report), { message: 'Connecting to Girder' });
  const pull = report.beginPull('busybox:1.36');
  assert.equal(progressOf(report), { message: 'Pulling busybox:1.36' });
  pull[Symbol.dispose]();
  assert.equal(progressOf(report), { message: 'Connecting to Girder' });
});

test('a download is shown until it ends, with the number of other downloads', () => {
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

test('one download for two transforms has one progress message and two transfers', () => {
  const report = new LiveReport();
  report.beginTransfer('download', ['ct', 'again']).moved(1, 2);
  assert.equal(progressOf(report), { message: 'Downloading ct', percent: 50, summary: '50%' });
  const ofBoth = { direction: 'download', bytes: 1, totalBytes: 2 };
  assert.equal(report.snapshot().transfers, [
    { name: 'ct', ...ofBoth },
    { name: 'again', ...ofBoth },
  ]);
});

test('a pull is mentioned during a download, and shown alone after it', () => {
  const report = new LiveReport();
  const pull = report.beginPull('busybox');
  pull.moved('Downloading', 30, 90);
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

test('an upload shows files and bytes, or files and a percentage if its size is known', () => {
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

test('the progress of the target is shown while it runs, and missing fields keep their value', () => {
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

test('a percentage without a message has the message of the phase', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ current: -1, total: 100 });
  assert.equal(progressOf(report), { message: 'The target is running.', percent: 0, summary: '0%' });
});

test('a stream is a transfer, but not shown as progress', () => {
  const report = new LiveReport();
  report.streamed('download', 'live', 7);
  assert.equal(report.snapshot().transfers, [{ name: 'live', direction: 'download', bytes: 7 }]);
  assert.is(progressOf(report)?.message, phaseMessages.Preparing);
});

test('what moves now are the pull, open transfers, and streams of a running target that are not complete', () => {
  const report = new LiveReport();
  const pull = report.beginPull('alpine');
  pull.moved('Waiting', 0, 0);
  const download = report.beginTransfer('download', ['ct', 'same']);
  download.moved(3, 4);
  report.streamed('download', 'live', 7, 9);
  assert.equal(report.movements, [
    { kind: 'pull', name: 'alpine', bytes: 0, files: 0, message: 'Waiting' },
    { kind: 'download', name: 'ct', bytes: 3, files: 0, totalBytes: 4 },
  ]);
  pull[Symbol.dispose]();
  download[Symbol.dispose]();
  report.phase = 'Running';
  assert.equal(report.movements, [{ kind: 'stream', name: 'live', files: 0, bytes: 7, totalBytes: 9 }]);
  report.streamed('download', 'live', 9, 9);
  assert.equal(report.movements, []);
});

test('an upload is shown as progress only in phase Uploading', () => {
  const report = new LiveReport();
  report.beginTransfer('upload', ['mask']).moved(1, 4);
  report.phase = 'Running';
  assert.match(progressOf(report)?.message ?? '', /target is running/i);
  report.phase = 'Uploading';
  assert.equal(progressOf(report), { message: 'Uploading mask', percent: 25, summary: '25%' });
});

test('a transfer is listed once per name and direction', () => {
  const report = new LiveReport();
  report.streamed('download', 'ct', 1, 2);
  report.streamed('download', 'ct', 2, 2);
  report.streamed('upload', 'ct', 0, 9);
  assert.equal(report.snapshot().transfers, [
    { name: 'ct', direction: 'download', bytes: 2, totalBytes: 2 },
    { name: 'ct', direction: 'upload', bytes: 0, totalBytes: 9 },
  ]);
});

test('a snapshot does not change while the run continues', () => {
  const report = new LiveReport();
  const result = { hook: 0, itemId: 'i', fileId: 'f', name: 'n', size: 1, sha256: '00' };
  report.uploaded(result);
  const before = report.snapshot();
  report.uploaded({ ...result, hook: 1 });
  report.phase = 'Uploading';
  assert.equal(before.results, [result]);
  assert.is(before.phase, 'Preparing');
});

test('the controller can parse a snapshot', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.target = { containerID: 'c', startedAt: '2026-01-02T03:04:05.000Z' };
  report.streamed('download', 'ct', 2, 2);
  assert.equal(parseReport(JSON.stringify(report.snapshot())), report.snapshot());
});

test('the target has a percentage once it has reported both numbers', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ current: 3 });
  assert.equal(progressOf(report), { message: 'The target is running.' });
  report.targetProgress({ total: 4 });
  assert.equal(progressOf(report), { message: 'The target is running.', percent: 75, summary: '75%' });
});

test('a long message of the target is cut', () => {
  const report = new LiveReport();
  report.phase = 'Running';
  report.targetProgress({ message: 'x'.repeat(60_000) });
  assert.match(progressOf(report)?.message ?? '', /^x{1000,1536}…$/);
});

const aResult = (hook: number) => ({
  ...{ hook, itemId: 'i'.repeat(24), fileId: 'f'.repeat(24) },
  ...{ name: `mask-${hook}.nrrd`, size: 1, sha256: '0'.repeat(64) },
});

test('of 1,000 results, the report lists as many as fit, and counts all', () => {
  const report = new LiveReport();
  const all = Array.from({ length: 1000 }, (_, hook) => aResult(hook));
  for (const result of all) report.uploaded(result);
  const { results = [], resultCount } = report.snapshot();
  assert.equal(results, all.slice(0, results.length));
  assert.is(resultCount, 1000);
  assert.ok(Buffer.byteLength(JSON.stringify(results)) <= 3072);
  assert.ok(Buffer.byteLength(JSON.stringify(all.slice(0, results.length + 1))) > 3072);
});

test('the number of results is reported even if all are listed', () => {
  const report = new LiveReport();
  assert.is(report.snapshot().resultCount, undefined);
  report.uploaded(aResult(0));
  assert.is(report.snapshot().resultCount, 1);
});

test('neither a result that does not fit nor any later one is listed', () => {
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

test('the final report lists every result of the live ones, whatever its message and transfers are', () => {
  const message = fc.string({ unit: 'binary', maxLength: 2000, size: 'max' });
  const result = fc.record({ name: fc.string({ unit: 'binary', maxLength: 255 }), hook: fc.nat(255) });
  fc.assert(
    fc.property(message, fc.array(result, { maxLength: 40 }), fc.nat(80), (message, results, transfers) => {
      const report = new LiveReport();
      report.target = target;
      for (const { name, hook } of results) report.uploaded({ ...aResult(hook), name });
      for (let index = 0; index < transfers; index += 1) report.streamed('upload', `t${index}`, 1, 2);
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
