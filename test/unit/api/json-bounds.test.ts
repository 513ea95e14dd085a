import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundsProblem, specBounds } from '../../../src/api/json-values.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import { aSpec } from '../../fixtures/builders.ts';

/** An object that is nested `depth` deep. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

test('a value within the depth has no problem, and one level more has', () => {
  assert.is(boundsProblem(nested(specBounds.depth), specBounds), undefined);
  assert.is(boundsProblem(nested(specBounds.depth + 1), specBounds), 'is nested more than 32 deep');
});

test('a value that no recursion survives is measured', () => {
  assert.is(boundsProblem(nested(1_000_000), specBounds), 'is nested more than 32 deep');
});

test('texts, names and members count as bytes', () => {
  const large = [
    { a: 'x'.repeat(102_400) },
    { ['x'.repeat(102_400)]: 1 },
    Array.from({ length: 102_400 }, () => 1),
  ];
  for (const value of large) assert.match(boundsProblem(value, specBounds) ?? '', 'more than 102400 bytes');
  assert.is(boundsProblem({ a: 'x'.repeat(102_000) }, specBounds), undefined);
});

test('a spec that is nested too deeply is refused in words, not with a RangeError', () => {
  const upload = {
    volumePath: 'v',
    itemId: '0'.repeat(24),
    deleteFile: false,
    ifExists: 'Replace' as const,
    metadata: { deep: nested(9_000) },
  };
  const hook = { girderUploadVolumePathToItem: upload, when: 'OnSuccess' as const, optional: false };
  const spec = aSpec({ girderResultHooks: [hook] });
  assert.equal(validateSpec(spec), ['spec: it is nested more than 32 deep']);
});

test.run();
