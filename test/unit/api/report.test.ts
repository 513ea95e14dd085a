import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { essentialBytes, parseReport, type Report, terminationMessage } from '../../../src/api/report.ts';

const failed: Report = { phase: 'Failed', reason: 'TargetFailed', message: 'It ended with exit code 3.' };
const transfer = fc.record({
  name: fc.string({ unit: 'binary', maxLength: 63 }),
  direction: fc.constantFrom('download' as const, 'upload' as const),
  bytes: fc.nat(),
  totalBytes: fc.nat(),
});
const result = fc.record({
  hook: fc.nat(255),
  itemId: fc.string({ maxLength: 24 }),
  fileId: fc.string({ maxLength: 24 }),
  name: fc.string({ unit: 'binary', maxLength: 255 }),
  size: fc.nat(),
  sha256: fc.string({ maxLength: 64 }),
});
const anyReport: fc.Arbitrary<Report> = fc.record({
  phase: fc.constantFrom('Succeeded' as const, 'Failed' as const),
  reason: fc.constantFrom('Succeeded', 'TargetFailed', 'ActiveDeadlineExceeded'),
  message: fc.string({ unit: 'binary', maxLength: 5000, size: 'max' }),
  target: fc.record({ containerID: fc.stringMatching(/^[0-9a-f]{64}$/), exitCode: fc.nat(255) }),
  transfers: fc.array(transfer, { maxLength: 100 }),
  results: fc.array(result, { maxLength: 100 }),
});

test('a termination message fits into the 4096 bytes that the kubelet keeps, and can be parsed', () => {
  fc.assert(
    fc.property(anyReport, (report) => {
      const text = terminationMessage(report);
      assert.ok(Buffer.byteLength(text) <= 4096);
      assert.is(parseReport(text)?.phase, report.phase);
    }),
  );
});

test('a termination message is shortened if and only if it is too long', () => {
  const base = { ...failed, results: [] };
  const sizeOf = (length: number) => {
    const transfers = [{ name: 'n'.repeat(length), direction: 'download' as const, bytes: 1, totalBytes: 1 }];
    const text = terminationMessage({ ...base, transfers });
    return { kept: parseReport(text)?.transfers !== undefined, bytes: Buffer.byteLength(text) };
  };
  const longest = Array.from({ length: 4096 }, (_, length) => sizeOf(length)).findLast(({ kept }) => kept);
  assert.is(longest?.bytes, 4096);
});

const target = { exitCode: 3 };
const transfers = Array.from({ length: 60 }, (_, index) => ({
  name: `input-${index}`,
  direction: 'download' as const,
  bytes: 123_456_789,
  totalBytes: 123_456_789,
}));
const aResult = (hook: number) => ({
  ...{ hook, itemId: 'i'.repeat(24), fileId: 'f'.repeat(24) },
  ...{ name: `mask-${hook}.nrrd`, size: 1, sha256: '0'.repeat(64) },
});

/** As the kubelet cuts it: at a byte, which may be within a character. */
const cut = (text: string, bytes: number) => Buffer.from(text).subarray(0, bytes).toString();

test('however much of a termination message is cut off after its first line, the verdict arrives', () => {
  const anyTarget = fc.record(
    {
      containerID: fc.stringMatching(/^[0-9a-f]{64}$/),
      exitCode: fc.nat(255),
      oomKilled: fc.boolean(),
      reason: fc.constantFrom('Completed', 'DeadlineExceeded'),
      startedAt: fc.constant('2026-01-02T03:04:05.123456789Z'),
      finishedAt: fc.constant('2026-01-02T03:04:15.123456789Z'),
    },
    { noNullPrototype: true },
  );
  const arrived = fc.integer({ min: essentialBytes, max: 4096 });
  fc.assert(
    fc.property(anyReport, anyTarget, arrived, (some, target, bytes) => {
      const final = { ...some, target, resultCount: 4_294_967_296 };
      const read = parseReport(cut(terminationMessage(final), bytes));
      const { phase, reason, resultCount } = final;
      const { phase: gotPhase, reason: gotReason, target: gotTarget, resultCount: gotCount } = read ?? {};
      assert.equal([gotPhase, gotReason, gotTarget, gotCount], [phase, reason, target, resultCount]);
      const begins = (read?.message ?? '').replace(/…$/, '');
      assert.ok((final.message ?? '').toWellFormed().startsWith(begins.slice(0, -1)));
      assert.ok(final.message === '' || read?.message !== '');
    }),
    { numRuns: 500 },
  );
});

test('of a cut termination message, the lines that arrived whole are read', () => {
  const message = 'because '.repeat(100);
  const results = [aResult(0), aResult(1)];
  const text = terminationMessage({ ...failed, message, target, results, transfers });
  const [first = '', second = '', third = ''] = text.split('\n');
  const whole = Buffer.byteLength(`${first}\n${second}\n${third}`);
  assert.equal(parseReport(cut(text, whole)), { ...failed, message, target, results });
  assert.equal(parseReport(cut(text, whole - 1)), { ...failed, message, target });
  const short = parseReport(cut(text, Buffer.byteLength(first) + 9));
  assert.match(short?.message ?? '', /^because because .*…$/);
});

test('a short report is kept whole, except for its progress', () => {
  const report: Report = {
    ...failed,
    target: { exitCode: 3 },
    transfers: [{ name: 'ct', direction: 'download', bytes: 5, totalBytes: 5 }],
    results: [{ hook: 0, itemId: 'i', fileId: 'f', name: 'mask.nrrd', size: 1, sha256: '00' }],
  };
  const read = parseReport(terminationMessage({ ...report, progress: { message: 'uploading', percent: 3 } }));
  assert.equal(read, report);
});

test('transfers are the first to be dropped from a long report', () => {
  const results = [aResult(0), aResult(1)];
  const read = parseReport(terminationMessage({ ...failed, target, transfers, results }));
  assert.equal(read, { ...failed, target, results });
});

test('a long message is cut to the bytes that the results leave', () => {
  const results = Array.from({ length: 15 }, (_, hook) => aResult(hook));
  const expected = { ...failed, target, results, resultCount: 60 };
  const text = terminationMessage({ ...expected, transfers, message: 'because '.repeat(400) });
  const { message = '', ...rest } = parseReport(text) ?? {};
  assert.equal({ ...rest, message: failed.message }, expected);
  assert.match(message, /^(because )+b?.*…$/);
  const bytes = Buffer.byteLength(text);
  assert.ok(bytes <= 4096 && bytes > 4090, `${bytes} bytes`);
});

test('a text that is longer than any report of a worker is not a report', () => {
  const transfer = { name: 'x'.repeat(63), direction: 'download', bytes: 1, totalBytes: 2 };
  const report = (count: number) =>
    JSON.stringify({ ...failed, transfers: Array.from({ length: count }, () => transfer) });
  assert.ok(parseReport(report(1000)));
  assert.is(parseReport(report(1100)), undefined);
  const results = Array.from({ length: 1000 }, (_, hook) => aResult(hook));
  assert.is(parseReport(JSON.stringify({ ...failed, results })), undefined);
});

for (const [what, change] of Object.entries({
  'a message that no worker sends': { message: 'x'.repeat(8_193) },
  'a number that the API server cannot store': { target: { exitCode: 1e308 } },
  'more results than fit into a termination message': {
    results: Array.from({ length: 257 }, () => aResult(0)),
  },
})) {
  test(`a text with ${what} is not a report`, () => {
    assert.is(parseReport(JSON.stringify({ ...failed, ...change })), undefined);
  });
}

for (const [what, character] of [
  ['of three bytes each', '語'],
  ['that JSON escapes', '\u001b'],
] as const) {
  test(`the reason is kept with a long message of characters ${what}`, () => {
    const message = character.repeat(5000);
    const target = { containerID: 'c'.repeat(64), exitCode: 3, oomKilled: false, reason: 'Error' };
    const read = parseReport(terminationMessage({ ...failed, message, target }));
    assert.is(read?.reason, failed.reason);
    assert.ok((read?.message ?? '').startsWith(character));
  });
}

test('a text that does not match the schema is not a report', () => {
  for (const text of [
    undefined,
    '',
    'killed',
    '{',
    '[]',
    '"Failed"',
    '{"phase":"Exploded"}',
    '{"target":1}',
  ]) {
    assert.is(parseReport(text), undefined);
  }
});

test.run();
