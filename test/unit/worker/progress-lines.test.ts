import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ProgressLine, ProgressLines } from '../../../src/worker/streams/progress-lines.ts';

/** The parsed lines of a pipe that receives these pieces. */
function linesOf(...pieces: (string | Buffer)[]): ProgressLine[] {
  const lines: ProgressLine[] = [];
  const reader = new ProgressLines((line) => lines.push(line));
  for (const piece of pieces) reader.write(Buffer.from(piece));
  reader.end();
  return lines;
}

test('a line may have any of the fields', () => {
  assert.equal(linesOf('{"message": "a", "current": 1, "total": 4}\n{"current": 2}\n{}\n'), [
    { message: 'a', current: 1, total: 4 },
    { current: 2 },
    {},
  ]);
});

test('the last line may have no line end', () => {
  assert.equal(linesOf('{"current": 1}\n{"current": 2}'), [{ current: 1 }, { current: 2 }]);
});

test('lines that are not JSON objects and fields of another type are ignored', () => {
  assert.equal(linesOf('hello\n[1]\n"text"\nnull\n7\n\n{"current": "3", "message": 4, "total": 9}\n'), [
    { total: 9 },
  ]);
});

test('an overlong line is ignored, and the next one is parsed', () => {
  const long = `{"message": "${'x'.repeat(100_000)}"}`;
  assert.equal(linesOf(long, long, '\n{"current": 1}\n'), [{ current: 1 }]);
});

test('the bytes may be split anywhere, also within a character', () => {
  const text = '{"message": "größer – 测试 🧪", "current": 1}\n{"current": 2}\n{"message": "ende"}';
  const bytes = Buffer.from(text);
  const whole = linesOf(bytes);
  assert.is(whole.length, 3);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (places) => {
      const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length];
      const pieces = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
      assert.equal(linesOf(...pieces), whole);
    }),
  );
});

test.run();
