import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expandReferences, referencedNames } from '../../../src/api/references.ts';

const values = new Map([
  ['x', '/mnt/x'],
  ['ct.image_1-a', '/mnt/ct'],
]);
const expand = (text: string) => expandReferences(text, values);

test('each reference is replaced by its value', () => {
  assert.is(expand('--in=$(x)/a.nrrd:$(x)'), '--in=/mnt/x/a.nrrd:/mnt/x');
  assert.is(expand('$(x)$(ct.image_1-a)'), '/mnt/x/mnt/ct');
});

test('two dollars before a reference make it literal text', () => {
  assert.is(expand('$$(x)'), '$(x)');
  assert.is(expand('a$$(nothing)b'), 'a$(nothing)b');
  assert.equal(referencedNames('$$(x)'), []);
});

// Kubernetes reads each `$$` as one `$` first and then the reference:
// https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
test('each further pair of dollars becomes one, as in Kubernetes', () => {
  assert.is(expand('$$$(x)'), '$/mnt/x');
  assert.equal(referencedNames('$$$(x)'), ['x']);
  assert.is(expand('$$$$(x)'), '$$(x)');
  assert.equal(referencedNames('$$$$(x)'), []);
});

test('text that cannot be a name stays as it is', () => {
  for (const text of ['$(cat file)', '$()', '$(1x)', '$(x', '$x', '${x}', '$(x )', '$(x.)', 'pid $$']) {
    assert.is(expand(text), text);
    assert.equal(referencedNames(text), []);
  }
});

test('a reference without a value stays as it is, and counts as a reference', () => {
  assert.is(expand('$(unknown)'), '$(unknown)');
  assert.equal(referencedNames('$(unknown) $(x) $(unknown)'), ['unknown', 'x', 'unknown']);
});

test('references in a value are not expanded', () => {
  assert.is(
    expandReferences(
      '$(a)',
      new Map([
        ['a', '$(b) $& $1'],
        ['b', 'no'],
      ]),
    ),
    '$(b) $& $1',
  );
});

test('a long row of dollars takes no longer than other text of its length', () => {
  const text = '$'.repeat(1_000_000);
  assert.equal(referencedNames(text), []);
  assert.is(expand(text), text);
  assert.equal(referencedNames(`${text}$(x)`), ['x']);
});

test('text without a dollar never changes', () => {
  fc.assert(fc.property(fc.string(), (text) => text.includes('$') || expand(text) === text));
});

test('the result depends only on the values of referenced names', () => {
  const piece = fc.constantFrom('$', '(', ')', 'x', '$(x)', '$$(x)', '$(y)', ' ', 'a');
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join('');
      const changed =
        expandReferences(text, new Map([['x', '1']])) !== expandReferences(text, new Map([['x', '2']]));
      assert.is(changed, referencedNames(text).includes('x'));
    }),
  );
});

test.run();
