import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ForEachItem } from '../../../src/api/for-each.ts';
import { failureReasons, type FailureReason } from '../../../src/api/reasons.ts';
import { parseReport, servedReport, terminationMessage } from '../../../src/api/report.ts';
import { ChunkReport, itemsMessage } from '../../../src/worker/chunk/chunk-report.ts';
import { LiveReport } from '../../../src/worker/progress.ts';

const itemsOf = (count: number): ForEachItem[] =>
  Array.from({ length: count }, (_, index) => ({
    id: String(index).padStart(24, '0'),
    name: `case-${index}.svs`,
    recipe: '0'.repeat(64),
    result: { folderId: 'f'.repeat(24), name: `case-${index}.svs` },
  }));

function reportOf(count: number): { chunk: ChunkReport; live: LiveReport } {
  const [chunk, live] = [new ChunkReport(itemsOf(count)), new LiveReport()];
  live.items = chunk;
  return { chunk, live };
}

test('states, failures and progress follow the inputs', () => {
  const { chunk, live } = reportOf(5);
  const own = new LiveReport();
  chunk.begins(0, own);
  assert.is(live.snapshot().phase, 'Preparing');
  own.phase = 'Running';
  chunk.runs(0);
  assert.is(live.snapshot().phase, 'Running');
  chunk.skipped(1);
  chunk.failed(2, 'TargetFailed', 'it ended with exit code 3');
  chunk.succeeded(0, 2);
  chunk.begins(3, new LiveReport());
  chunk.runs(3);
  const { phase, items, progress, resultCount, target } = live.snapshot();
  assert.is(phase, 'Running', 'the next target does not prepare the run again');
  assert.is(items?.states, 'skfrw');
  assert.equal(items?.failures, [
    { reason: 'TargetFailed', message: 'it ended with exit code 3', items: [2] },
  ]);
  assert.equal(progress, { message: 'Item 4 of 5: case-3.svs; 1 failed', percent: 60, summary: '3/5' });
  assert.is(resultCount, 2);
  assert.is(target, undefined, 'a change of a target is not a write to the API server');
  chunk.stopped();
  assert.is(chunk.status.states, 'skfww');
});

test('a change of the target or its transfers changes nothing that is served', () => {
  const { chunk, live } = reportOf(2);
  const own = new LiveReport();
  chunk.begins(0, own);
  own.phase = 'Running';
  const before = servedReport('uid', live.snapshot());
  own.targetProgress({ message: 'epoch 1', current: 1, total: 3 });
  own.streamed('download', 'item', 10, 20);
  own.target = { containerID: 'c' };
  assert.is(servedReport('uid', live.snapshot()), before);
});

test('what an input moves is shown for the run, although its status does not list it', () => {
  const { chunk, live } = reportOf(2);
  const own = new LiveReport();
  chunk.begins(0, own);
  own.beginTransfer('download', ['item']).moved(1, 2);
  assert.equal(live.movements, [{ kind: 'download', name: 'item', bytes: 1, files: 0, totalBytes: 2 }]);
});

test('the failure of the run counts reasons and names the first input', () => {
  const { chunk } = reportOf(4);
  assert.is(chunk.failure, undefined);
  chunk.failed(1, 'OOMKilled', 'it used more memory than its limit');
  chunk.failed(3, 'OOMKilled', 'another');
  chunk.failed(2, 'UploadFailed', 'third');
  assert.is(chunk.failure?.reason, 'ItemsFailed');
  assert.is(
    chunk.failure?.message,
    '3 of 4 inputs failed (OOMKilled 2, UploadFailed 1); the first is case-1.svs: it used more memory than its limit',
  );
});

test('states and failures of 100 inputs fit into a termination message, whatever their messages', () => {
  const { chunk, live } = reportOf(100);
  const reasons = Object.keys(failureReasons) as FailureReason[];
  for (let index = 0; index < 100; index += 1)
    chunk.failed(index, reasons[index % 16] ?? 'TargetFailed', '\u0001'.repeat(1_000));
  const final = {
    ...live.snapshot(),
    phase: 'Failed',
    reason: 'ItemsFailed',
    message: '"'.repeat(5_000),
  } as const;
  const text = terminationMessage(final);
  assert.ok(Buffer.byteLength(text) <= 4096, `${Buffer.byteLength(text)}`);
  const parsed = parseReport(text);
  assert.ok(parsed?.items);
  assert.is(parsed.items.states, 'f'.repeat(100));
  const { failures = [] } = parsed.items;
  assert.is(failures.length, 16);
  assert.is(failures.flatMap(({ items }) => items).length, 100);
  const [first = ''] = text.split('\n');
  assert.ok(Buffer.byteLength(first) <= 512, first);
  assert.is(
    parseReport(first)?.items?.states,
    'f'.repeat(100),
    'the states survive in a pod of many containers',
  );
});

test('a message about success counts what was skipped', () => {
  assert.is(
    itemsMessage({ states: 'ssk' }, 3),
    'Of 3 inputs, 2 succeeded, 1 had a result already; 3 results are in Girder.',
  );
  assert.is(itemsMessage({ states: 's' }, 0), 'Of 1 input, 1 succeeded.');
});

test.run();
