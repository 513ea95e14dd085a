import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { messageBounds, tableNode } from '../../../src/bridge/pickle/json-nodes.ts';
import { readJson } from '../../../src/bridge/pickle/json-reader.ts';

const read = (text: string) => readJson(Buffer.from(text));

test('the order of keys is that of the text, also of keys that look like numbers', () => {
  const value = read('{"b": 1, "1": 2, "a": 3}');
  assert.equal([...(value as Map<string, unknown>).keys()], ['b', '1', 'a']);
});

test('of two equal keys the later value counts, at the place of the first', () => {
  assert.equal(
    [...(read('{"a": 1, "b": 2, "a": 3}') as Map<string, unknown>)],
    [
      ['a', 3n],
      ['b', 2n],
    ],
  );
});

test('integers keep all their digits, and are apart from floating-point numbers', () => {
  assert.equal(read('[12345678901234567890, 1, 1.0, 1e2, -0]'), [12345678901234567890n, 1n, 1, 100, 0n]);
});

test("Python's words for numbers that JSON does not have are read", () => {
  assert.equal(read('[NaN, Infinity, -Infinity, null, true, false]'), [
    NaN,
    Infinity,
    -Infinity,
    null,
    true,
    false,
  ]);
});

test('texts have all escapes, and any character that is not a control character', () => {
  assert.is(read(String.raw`"a\"\\\/\n\u00e9\ud83d\ude00é\\"`), 'a"\\/\n\u00e9😀é\\');
});

for (const text of [
  '',
  ' ',
  '{',
  '[1,]',
  '{"a"}',
  '{"a":1,}',
  '{a:1}',
  '[1 2]',
  '01',
  '.5',
  '+1',
  '"a',
  '"a\nb"',
  '"\\x"',
  'nul',
  'nan',
  '1 1',
  "'a'",
]) {
  test(`${JSON.stringify(text)} is not JSON`, () => {
    assert.throws(() => read(text), /^it is not JSON at character \d+$/);
  });
}

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => readJson(Buffer.from([0x22, 0xff, 0x22])), 'it is not text in UTF-8');
});

test('a body of 8 MiB is read within seconds, and one of 10 MiB is refused', () => {
  const text = JSON.stringify('\\"'.repeat(2 ** 21).slice(0, (8 * 2 ** 20) / 2 - 8));
  const started = performance.now();
  assert.is(typeof read(text), 'string');
  assert.ok(performance.now() - started < 10_000);
  assert.throws(() => readJson(Buffer.alloc(10 * 2 ** 20, ' ')), /has 10485760 bytes, but at most 8388608/);
});

test('depth and the count of values are bounded, of a text and of a table', () => {
  const { depth, values } = messageBounds;
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  assert.ok(read(nested(depth)));
  assert.throws(() => read(nested(depth + 1)), 'it is nested more than 64 deep');
  assert.throws(() => read(nested(1_000_000)), 'it is nested more than 64 deep');
  assert.throws(() => read(`[${'1,'.repeat(values)}1]`), 'it has more than 200000 values');
  assert.throws(() => tableNode(JSON.parse(nested(depth + 1))), 'it is nested more than 64 deep');
  assert.throws(() => tableNode(Array.from({ length: values }, () => 1)), 'it has more than 200000 values');
});

test('a number of a million digits is refused', () => {
  assert.throws(() => read('9'.repeat(1_000_000)), 'it has a number of more than 4300 digits');
});

test('a table of AMQP becomes the same as JSON', () => {
  const table = { a: [1, 'b', true, null, undefined], c: { d: 1.5 }, bytes: Buffer.from('x') };
  const expected = read('{"a": [1, "b", true, null, null], "c": {"d": 1.5}, "bytes": null}');
  assert.equal(tableNode(table), expected);
});

test.run();
