import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchesGlob } from '../../../src/policy/patterns.ts';

/** The same pattern as a regular expression, which is slow with many `*`. */
function toRegExp(pattern: string): RegExp {
  const parts = pattern.match(/\*\*|[^]/gu) ?? [];
  const source = parts.map((part) => {
    if (part === '**') return '.*';
    return part === '*' ? '[^/]*' : part.replace(/[^\w/]/u, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`, 's');
}

const pattern = fc.array(fc.constantFrom('a', 'b', '/', '.', '*', '**'), { maxLength: 7 });
const text = fc.array(fc.constantFrom('a', 'b', '/', '.', '\n', '*'), { maxLength: 9 });

test('a pattern matches the same texts as its regular expression', () => {
  fc.assert(
    fc.property(pattern, text, (parts, chars) => {
      const [glob, name] = [parts.join(''), chars.join('')];
      assert.is(matchesGlob(name, glob), toRegExp(glob).test(name), JSON.stringify([glob, name]));
    }),
    { numRuns: 5_000 },
  );
});

test('the longest name and the pattern with the most * match without backtracking', () => {
  const glob = `${'**a'.repeat(9)}c`;
  assert.not(matchesGlob('a'.repeat(255), glob));
  assert.ok(matchesGlob(`${'a'.repeat(254)}c`, glob));
});

test.run();
