import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Receipt, ResultOwner } from '../../../src/api/set/receipt.ts';
import { CsvRows, rowIn } from '../../../src/cli/cluster/report-search.ts';
import { chunkLine, failureLines, receiptLines, rowText } from '../../../src/cli/cluster/set-inquiries.ts';
import type { StoredObject } from '../../../src/cli/cluster/stored-object.ts';
import { reportColumns, reportLine } from '../../../src/planner/csv.ts';

test('rows are read as the planner writes them, however the text is cut', () => {
  const row = fc.record(
    Object.fromEntries(reportColumns.map((column) => [column, fc.string({ unit: 'grapheme' })])),
  );
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.integer({ min: 1, max: 20 }), (rows, size) => {
      const text = rows.map(reportLine).join('');
      const reader = new CsvRows();
      const read: string[][] = [];
      for (let at = 0; at < text.length; at += size) read.push(...reader.push(text.slice(at, at + size)));
      const safe = (cell: string) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell);
      assert.equal(
        read,
        rows.map((one) => reportColumns.map((column) => safe((one[column] ?? '').toWellFormed()))),
      );
    }),
  );
});

test('a text without rows is not kept', () => {
  assert.throws(() => new CsvRows().push('x'.repeat(100_000)), /too long/);
});

test('an input is found by its ID or its path', () => {
  const rows = [
    [...reportColumns],
    ['a/b.svs', 'id1', 'done', '', '', '', 'r1'],
    ["'=x", 'id2', 'todo', 'new', '', '', ''],
  ];
  assert.is(rowIn(rows, 'id1')?.path, 'a/b.svs');
  assert.is(rowIn(rows, 'a/b.svs')?.resultItemId, 'r1');
  assert.is(rowIn(rows, '=x')?.itemId, 'id2');
  assert.is(rowIn(rows, 'none'), undefined);
});

test('a row becomes a sentence about why', () => {
  assert.is(rowText({ state: 'done' }), 'its result is up to date');
  assert.is(rowText({ state: 'done', why: 'new' }), 'it ran and succeeded, because it has no result yet');
  assert.is(
    rowText({ state: 'failed', reason: 'TargetFailed', message: 'exit code 3' }),
    'it failed for good (TargetFailed: exit code 3)',
  );
  assert.is(rowText({ state: 'excluded', message: 'names' }), 'it is excluded (names)');
});

test('a row of a result whose input was not found, or of an input that waits, claims no more than its message', () => {
  const rows: readonly (readonly [state: string, message: string])[] = [
    ['kept', 'its input exists, but the list of its folder lacked it'],
    ['kept', 'it is not known whether its input exists: no answer'],
    ['moved', 'its input has moved; it would move to b/a'],
    ['unsettled', 'its files cannot be listed: no access'],
  ];
  for (const [state, message] of rows) {
    const text = rowText({ state, message });
    assert.match(text, `(${message})`);
    assert.not.match(text, /no longer exists|its result with it|changed just now/);
  }
});

const chunk = (name: string, creationTimestamp: string, status: object): StoredObject => ({
  kind: 'DockerRun',
  metadata: { name, namespace: 'lab', creationTimestamp },
  spec: {
    forEach: {
      items: [
        { id: 'id1', name: 'a.svs' },
        { id: 'id2', name: 'b.svs' },
      ],
    },
  },
  status,
});

test('the newest chunk with the input says what it does with it', () => {
  const failures = [{ reason: 'TargetFailed', message: 'exit code 3', items: [1] }];
  const chunks = [
    chunk('old', '2026-11-30T01:00:00Z', { phase: 'Succeeded', items: { states: 'ss' } }),
    chunk('new', '2026-11-30T02:00:00Z', { phase: 'Running', items: { states: 'rf', failures } }),
  ];
  assert.is(chunkLine(chunks, 'id1'), 'cluster: it runs in the chunk new, which is Running');
  assert.is(
    chunkLine(chunks, 'id2'),
    'cluster: it failed in the chunk new, which is Running (TargetFailed: exit code 3)',
  );
  assert.is(chunkLine(chunks, 'id3'), undefined);
  assert.match(chunkLine([chunk('c', '', {})], 'id1') ?? '', 'it waits in the chunk c, which is Pending');
});

test('failures are grouped, the largest group first, with pages of examples', () => {
  const failures = [
    { reason: 'DownloadFailed', count: 1, examples: [] },
    {
      reason: 'TargetFailed',
      count: 4,
      message: 'exit code 3',
      examples: [{ itemId: 'i', name: 'a.svs', resultItemId: 'r' }],
    },
  ];
  const status = { failures, report: { itemId: 'p', name: 'report-0002.csv' } };
  assert.equal(failureLines(status, 'https://g/api/v1'), [
    '4 inputs: TargetFailed',
    '    exit code 3',
    '  a.svs: https://g/#item/r',
    '',
    '1 input: DownloadFailed',
    '',
    'All of them are in report-0002.csv: https://g/#item/p',
  ]);
  assert.equal(failureLines({}, ''), ['no input has failed']);
});

test('a receipt says what made the result', () => {
  const receipt = {
    state: 'Failed',
    finishedAt: 't',
    image: 'i',
    version: '2',
    attempts: 1,
    run: 'lab/c',
    reason: 'R',
  };
  assert.equal(receiptLines({ kind: 'own', receipt: receipt as Receipt }, 'page'), [
    'receipt: Failed at t in lab/c with i, version 2, attempt 1 (R)',
    'result: page',
  ]);
});

test('an item without a receipt of the set says whether its input runs', () => {
  const lineOf = (owner: ResultOwner) => receiptLines(owner, 'page').join('\n');
  assert.match(lineOf({ kind: 'own', receipt: undefined }), /page has no receipt, so the input runs/);
  assert.match(lineOf({ kind: 'unmarked' }), /runs in the next pass if the item has no files/);
  assert.is(
    lineOf({ kind: 'other', set: 'lab/cells' }),
    'result: page is not replaced (ResultNotOurs), because it belongs to the DockerRunSet lab/cells',
  );
  assert.match(lineOf({ kind: 'other', set: undefined }), /names no DockerRunSet; delete the item/);
});

test.run();
