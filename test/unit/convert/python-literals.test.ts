import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pythonText } from '../../../src/calls/python-text.ts';
import type { PyValue } from '../../../src/calls/python-value.ts';
import { conversionOf, saidOf, specOf } from './converted-program.ts';

/** The arguments of a call that has these elements in its list. */
const argsOf = (elements: string) => specOf(`docker_run('a', container_args=[${elements}])`)['args'];

// The second of each row was printed by Python 3.11: print(str(first)).
for (const [literal, text] of [
  ["'a'", 'a'],
  ['"it\'s"', "it's"],
  ["'a' 'b'\n  \"c\"", 'abc'],
  ["'a' + 'b'", 'ab'],
  ["'''a\nb'''", 'a\nb'],
  ['"""a"b""c"""', 'a"b""c'],
  [String.raw`'a\tb\\c\'d\x41é\101\0'`.replace(String.raw`\0'`, "'"), "a\tb\\c'dAéA"],
  ["'a\\\n b'", 'a b'],
  [String.raw`r'a\tb'`, String.raw`a\tb`],
  [String.raw`'\d'`, String.raw`\d`],
  ["u'ä'", 'ä'],
  ['3', '3'],
  ['-3', '-3'],
  ['1_000', '1000'],
  ['0x1F', '31'],
  ['0o777', '511'],
  ['0b101', '5'],
  ['123456789012345678901234', '123456789012345678901234'],
  ['1.0', '1.0'],
  ['.5', '0.5'],
  ['1e16', '1e+16'],
  ['5.', '5.0'],
  ['True', 'True'],
  ['None', 'None'],
  ['[1, "a"]', "[1, 'a']"],
  ['(1,)', '(1,)'],
  ['()', '()'],
  ['(1)', '1'],
  ['{"a": 1, "b": [None]}', "{'a': 1, 'b': [None]}"],
  ['{1, 2}', '{1, 2}'],
  ['{}', '{}'],
  ['str(3)', '3'],
  ['str("a")', 'a'],
  ['dict(a=1)', "{'a': 1}"],
  ['[1] + [2]', '[1, 2]'],
] as const)
  test(`${literal} is ${JSON.stringify(text)}`, () => {
    assert.equal(argsOf(literal), [text]);
    assert.equal(argsOf(`${literal},`), [text], 'with a comma behind');
  });

for (const literal of [
  "f'{a}'",
  "rf'{a}'",
  "'a' f'{b}'",
  "'%s' % a",
  "'{}'.format(a)",
  "b'a'",
  '1j',
  'a if b else c',
  'lambda x: (x, 1)',
  'a[0]["x"]',
  'f(a)(b).c',
  'x == 1',
  'not x',
  '1 + 2',
  '"a" * 3',
  '-x',
])
  test(`${literal} has no value, which is said`, () => {
    assert.match(String(argsOf(`'first', ${literal}, 'last'`)), /^first,replace-me-[a-z0-9-]+,last$/);
    const [said = '', ...others] = saidOf(`docker_run('a', container_args=['first', ${literal}])`);
    assert.match(said, /^1: .* has no value here \(.*\): the manifest has replace-me-/);
    assert.equal(others, []);
  });

test('an f-string is named as such', () => {
  assert.match(
    saidOf("docker_run('a', container_args=[f'{x}'])").join(),
    /it is an f-string, whose value only Python has/,
  );
});

test('a list of another kind is left out as a whole', () => {
  for (const list of ['[x for x in y]', '[*a, 1]', '[f(x) for x in y if x]']) {
    const program = `docker_run('a', container_args=${list})`;
    assert.is(specOf(program)['args'], undefined, list);
    assert.match(saidOf(program).join(), /^1: container_args is not in the manifest: /, list);
  }
});

const plain: fc.Arbitrary<PyValue> = fc.letrec<{ value: PyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.bigInt(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 4 }).map((items): PyValue => ({ kind: 'list', items })),
    fc.array(tie('value'), { maxLength: 4 }).map((items): PyValue => ({ kind: 'tuple', items })),
    fc
      .dictionary(fc.string({ maxLength: 4 }), tie('value'), { maxKeys: 4 })
      .map((entries): PyValue => ({ kind: 'dict', entries: new Map(Object.entries(entries)) })),
  ),
})).value;

const repr = (value: PyValue) =>
  pythonText(value, {
    text: (text) => text,
    object: () => '',
  });

test('what Python prints of a list is read as the same list', () => {
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 3 }), (items) => {
      // An argument cannot have a NUL byte, and a text that looks like a name is escaped.
      const list: PyValue = { kind: 'list', items: [{ kind: 'list', items }] };
      const text = repr(list);
      fc.pre(!text.includes('$') && !text.includes('\\x00'));
      assert.equal(argsOf(text.slice(1, -1)), [text.slice(1, -1)]);
    }),
    { numRuns: 300 },
  );
});

const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['docker_run', '(', ')', '[', ']', '{', '}', ',', '=', ':', '.', '"', "'", "'''", '\\', '#'],
      ),
      fc.constantFrom(
        ...['\n', ' ', '    ', 'delay', 'import ', 'from ', 'for ', 'def ', ' as ', 'lambda ', '1', 'a'],
      ),
      fc.constantFrom(
        ...['container_args', 'GirderFileIdToVolume', 'TemporaryVolume', 'f"', '*', '**', '+', '-', ';'],
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''));

test('any text has a conversion, and never an error', () => {
  fc.assert(
    fc.property(soup, (text) => {
      conversionOf(`docker_run('a', container_args=[${text}`);
      conversionOf(text);
    }),
    { numRuns: 300 },
  );
});

for (const [what, program, words] of [
  ['a bracket', 'docker_run("a"', /^1: this is not read as Python: a bracket is never closed with \)$/],
  ['a string', 'x = 1\ndocker_run("a', /^2: this is not read as Python: a string is never closed with "$/],
  ['a long string', '\n\n"""a', /^3: this is not read as Python: a string is never closed/],
  ['another bracket', 'a]', /^1: .*there is no open bracket for \]/],
  ['much depth', `x = ${'['.repeat(65)}`, /nested more than 64 deep/],
  ['much text', ' '.repeat(2 ** 20 + 1), /more than 1048576 characters/],
] as const)
  test(`${what} that is not closed, or too much, is said with its line`, () => {
    assert.match(saidOf(program).join('\n'), words);
  });

test('the time of a long program is linear in its length', () => {
  const deep = `${'f('.repeat(60)}x${')'.repeat(60)}\n`;
  for (const program of [
    deep.repeat(2000),
    `docker_run('a', container_args=[${"'x' + ".repeat(25_000)}'y'])`,
    `docker_run('a', container_args=[${'x for y, '.repeat(12_000)}])`,
    `docker_run('a', container_args=[${'a[0], '.repeat(25_000)}])`,
    'a='.repeat(50_000),
    `x = 'ab'\n${'x = x + x\n'.repeat(60)}docker_run('a', container_args=[x])`,
    `x = ['ab']\n${'x = x + x\n'.repeat(60)}docker_run('a', container_args=x)`,
    `x = []\n${'x = [x, x]\n'.repeat(60)}docker_run('a', container_args=x, volumes=x, mem_limit=x)`,
    `x = f()\n${'x = {"a": x, "b": x}\n'.repeat(60)}docker_run('a', environment=x, container_args=[x])`,
    'a=1\n'.repeat(50_000),
    `x = ${'9'.repeat(500_000)}`,
    `def f():\n x=1\n${'def f():\n x=1\ny=x\n'.repeat(10_000)}`,
    '\\'.repeat(500_000),
    '"'.repeat(500_001),
    'docker_run('.repeat(60) + 'a'.repeat(900_000) + ')'.repeat(60),
    `import ${'a as b, '.repeat(25_000)}`,
  ]) {
    const start = performance.now();
    conversionOf(program.slice(0, 2 ** 20));
    const ms = performance.now() - start;
    assert.ok(ms < 5_000, `${Math.round(ms)} ms for ${program.slice(0, 40)}`);
  }
});

test.run();
