import fc from 'fast-check';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Bar, barLines, MovementBars, percentBar } from '../../../src/cli/local/movement-bars.ts';
import type { Movement } from '../../../src/worker/progress.ts';

const plain = { columns: 80, rows: 24, hasColours: false };

const download = (bytes: number, totalBytes?: number): Movement => ({
  ...{ kind: 'download', name: 'slide', bytes, files: 0 },
  ...(totalBytes === undefined ? {} : { totalBytes }),
});

/** The lines after 2 s, in which the bytes became these. */
function after(before: readonly Movement[], now: readonly Movement[], columns = 80): string[] {
  const bars = new MovementBars();
  bars.next(before, 0);
  return barLines(bars.next(now, 2_000), { ...plain, columns });
}

test('a bar has the part that is done, the total, the rate of the last seconds and the time that is left', () => {
  const [line] = after([download(0, 4e9)], [download(1e9, 4e9)]);
  assert.is(line, 'downloading slide  ████░░░░░░░░░░░░░░░   25 % of 4.0 GB  500.0 MB/s  6s left');
  const [wide] = after([download(0, 4e9)], [download(1e9, 4e9)], 200);
  assert.is(
    wide,
    `downloading slide  ${'█'.repeat(10)}${'░'.repeat(30)}   25 % of 4.0 GB  500.0 MB/s  6s left`,
  );
});

test('without a total there are bytes, files and a rate, but neither a bar nor a percentage', () => {
  const counted = { ...download(3e6), files: 2, kind: 'upload' } as const;
  assert.equal(after([download(0), { ...counted, bytes: 0 }], [download(512), counted]), [
    'downloading slide  512 bytes                                 256 bytes/s',
    'uploading slide    3.0 MB, 2 files                           1.5 MB/s',
  ]);
  assert.equal(after([], [download(0)]), ['downloading slide']);
});

test('a pull says what the engine does before the total is known, and after all layers have arrived', () => {
  const pull = { kind: 'pull', name: 'alpine:3.20', files: 0, message: 'Extracting' } as const;
  assert.equal(after([], [{ ...pull, bytes: 0, message: 'Waiting' }]), ['pulling alpine:3.20  Waiting']);
  const [line = ''] = after(
    [{ ...pull, bytes: 0, totalBytes: 5e6 }],
    [{ ...pull, bytes: 5e6, totalBytes: 5e6 }],
  );
  assert.match(line, /^pulling alpine:3\.20 {2}Extracting +100 % of 5\.0 MB$/);
});

test('a transfer that begins again, and one that stalls, have no old rate', () => {
  const bars = new MovementBars();
  const lineAt = (now: number, bytes: number) =>
    barLines(bars.next([download(bytes, 1e9)], now), plain).join();
  lineAt(0, 0);
  assert.match(lineAt(2_000, 5e8), '250.0 MB/s');
  assert.not.match(lineAt(2_250, 1e6), '/s');
  lineAt(5_000, 2e6);
  assert.match(lineAt(9_500, 2e6), / 0 bytes\/s$/, 'a stalled one has no time that is left');
});

test('what is measured in percent only has a bar as well', () => {
  const lines = barLines([percentBar('segmenting tile 40 of 100', 40), percentBar('b', 100)], plain);
  assert.equal(lines, [
    `segmenting tile 40 of 100  ${'█'.repeat(16)}${'░'.repeat(24)}   40 %`,
    `b                          ${'█'.repeat(40)}  100 %`,
  ]);
});

test('a narrow terminal first loses the time, then the rate, then the bar', () => {
  const at = (columns: number) => after([download(0, 4e9)], [download(1e9, 4e9)], columns)[0] ?? '';
  assert.match(at(60), /░ {3}25 % of 4\.0 GB {2}500\.0 MB\/s$/);
  assert.match(at(50), /░ {3}25 % of 4\.0 GB$/);
  assert.is(at(36), 'downloading…  25 % of 4.0 GB');
});

test('colours are only added where they are obeyed', () => {
  const bars = [percentBar('a', 50)];
  const [coloured = ''] = barLines(bars, { ...plain, hasColours: true });
  assert.ok(coloured.includes('\u001b[36m█'));
  assert.equal([stripVTControlCharacters(coloured)], barLines(bars, plain));
});

test('bars that have no room are counted', () => {
  const many = Array.from({ length: 20 }, (_, index) => percentBar(`b${index}`, 1));
  assert.is(barLines(many, plain).at(-1), 'and 13 more');
  assert.is(barLines(many, { ...plain, rows: 5 }).length, 3);
  assert.is(barLines(many, { ...plain, rows: 1 }).join(), 'and 20 more');
});

test('names and messages cannot control the terminal', () => {
  const [line] = barLines([percentBar('a\u001b[2J\nb\tc', 50)], plain);
  assert.is(line, `a\u{fffd}[2J b c  ${'█'.repeat(20)}${'░'.repeat(20)}   50 %`);
});

test('no line is as wide as the terminal, whatever the names and numbers are', () => {
  const bar: fc.Arbitrary<Bar> = fc.record({
    label: fc.string({ maxLength: 300 }),
    part: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    text: fc.string({ maxLength: 300 }),
    facts: fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(bar, { maxLength: 20 }), fc.integer({ min: 2, max: 250 }), (bars, columns) => {
      for (const line of barLines(bars, { ...plain, columns })) assert.ok(line.length < columns, line);
    }),
  );
});

test.run();
