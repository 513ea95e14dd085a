import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchesAny } from '../../../src/planner/name-patterns.ts';

const rows: readonly (readonly [string, string, boolean])[] = [
  ['*.svs', 'a.svs', true],
  ['*.svs', '.svs', true],
  ['*.svs', 'a.SVS', false],
  ['*.svs', 'a.svs.tmp', false],
  ['case-?', 'case-1', true],
  ['case-?', 'case-12', false],
  ['?', '\u{1F600}', true],
  ['*', '', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['[ab].svs', 'a.svs', false],
  ['a.svs', 'axsvs', false],
  ['**a', 'bca', true],
];

for (const [pattern, name, expected] of rows) {
  test(`${pattern} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () => {
    assert.is(matchesAny(name, [pattern]), expected);
  });
}

test('one of the patterns is enough', () => {
  assert.ok(matchesAny('a.tiff', ['*.svs', '*.tiff']));
  assert.not.ok(matchesAny('a.png', ['*.svs', '*.tiff']));
  assert.not.ok(matchesAny('a', []));
});

test('a pattern matches as the expression that it stands for', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 }).map((all) => all.join(''));
  fc.assert(
    fc.property(
      text,
      text.map((one) => one.replaceAll(/[*?]/g, 'a')),
      (pattern, name) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
        assert.is(matchesAny(name, [pattern]), expression.test(name));
      },
    ),
  );
});

test('a hostile pattern costs little', () => {
  const before = process.threadCpuUsage();
  assert.not.ok(
    matchesAny(
      `${'a'.repeat(254)}b`,
      Array.from({ length: 64 }, () => `${'*a'.repeat(127)}c`),
    ),
  );
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`);
});

test.run();
