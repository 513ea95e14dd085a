import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tableNode } from '../../../src/bridge/pickle/json-nodes.ts';
import { readJson } from '../../../src/bridge/pickle/json-reader.ts';
import { floatText, pythonText } from '../../../src/calls/python-text.ts';
import { unpickle } from '../../../src/bridge/pickle/unpickling.ts';

const parts = { text: (text: string) => text, object: () => '$(t)' };
const textOf = (json: string) => pythonText(unpickle(readJson(Buffer.from(json))), parts);

// Each row was printed by Python 3.11: str(json.loads(first)), for tags of jsonpickle what it restores.
for (const [json, text] of [
  ['"it\'s"', "it's"],
  ['3', '3'],
  ['123456789012345678901234', '123456789012345678901234'],
  ['1.0', '1.0'],
  ['1.5', '1.5'],
  ['1e16', '1e+16'],
  ['1e15', '1000000000000000.0'],
  ['0.0001', '0.0001'],
  ['0.00001', '1e-05'],
  ['1.25e-7', '1.25e-07'],
  ['1e300', '1e+300'],
  ['-0.0', '-0.0'],
  ['NaN', 'nan'],
  ['-Infinity', '-inf'],
  ['true', 'True'],
  ['null', 'None'],
  ['[]', '[]'],
  ['[1, "a", null, [2.0]]', "[1, 'a', None, [2.0]]"],
  ['{"py/tuple": [1]}', '(1,)'],
  ['{"py/tuple": [1, 2]}', '(1, 2)'],
  ['{"py/tuple": []}', '()'],
  ['{"py/set": []}', 'set()'],
  ['{"py/set": [1]}', '{1}'],
  ['{"a": true, "json://1": "b"}', "{'a': True, 1: 'b'}"],
  ['["it\'s", "\\"", "both \' \\""]', `["it's", '"', 'both \\' "']`],
  ['["\\n\\t\\r\\\\ \\u0007\\u00a0\\u200b\\u00e9"]', "['\\n\\t\\r\\\\ \\x07\\xa0\\u200b\u00e9']"],
] as const)
  test(`Python prints ${json} as ${text}`, () => {
    assert.is(textOf(json), text);
  });

test('an object in a list is a path in quotes', () => {
  assert.is(textOf('[{"py/object": "a.B"}, 1]'), "['$(t)', 1]");
});

test('bytes and classes are not arguments', () => {
  assert.throws(() => textOf('[{"py/b64": "YQ=="}]'), /bytes cannot be/);
  assert.throws(() => textOf('{"py/type": "a.B"}'), /class or function/);
});

test('references that multiply are bounded', () => {
  // Each list has the one before it twice: 2^60 elements.
  const lists = Array.from({ length: 60 }, (_, index) => [{ 'py/id': index + 1 }, { 'py/id': index + 1 }]);
  const value = unpickle(tableNode([['x'], ...lists]));
  assert.throws(() => pythonText(value, parts), 'a value has more than 65536 characters as text');
});

test('floating-point numbers have at least one digit after the point', () => {
  assert.equal([0, -1, 100, 0.1, 123456.789].map(floatText), ['0.0', '-1.0', '100.0', '0.1', '123456.789']);
});

test.run();
