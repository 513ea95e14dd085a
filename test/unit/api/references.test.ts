import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expandReferences, referencedNames } from '../../../src/api/references.ts';

const values = new Map([
  ['x', '/mnt/x'],
  ['ct.image_1-a', '/mnt/ct'],
]);
const expand = (text: string) => expandReferences(text, values);

test('a reference becomes its value, wherever it stands and however often', () => {
  assert.is(expand('--in=$(x)/a.nrrd:$(x)'), '--in=/mnt/x/a.nrrd:/mnt/x');
  assert.is(expand('$(x)$(ct.image_1-a)'), '/mnt/x/mnt/ct');
});

test('two dollars make the text of the reference itself', () => {
  assert.is(expand('$$(x)'), '$(x)');
  assert.is(expand('a$$(nothing)b'), 'a$(nothing)b');
  assert.equal(referencedNames('$$(x)'), []);
});

// Kubernetes reads each `$$` as one `$` first and then the reference:
// https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
test('of more dollars every two are one, as in Kubernetes', () => {
  assert.is(expand('$$$(x)'), '$/mnt/x');
  assert.equal(referencedNames('$$$(x)'), ['x']);
  assert.is(expand('$$$$(x)'), '$$(x)');
  assert.equal(referencedNames('$$$$(x)'), []);
});

test('what cannot be a name is left to the shell', () => {
  for (const text of ['$(cat file)', '$()', '$(1x)', '$(x', '$x', '${x}', '$(x )', '$(x.)', 'pid $$']) {
    assert.is(expand(text), text);
    assert.equal(referencedNames(text), []);
  }
});

test('a name without a value is left as it is, and known as referenced', () => {
  assert.is(expand('$(unknown)'), '$(unknown)');
  assert.equal(referencedNames('$(unknown) $(x) $(unknown)'), ['unknown', 'x', 'unknown']);
});

test('a value is never expanded again', () => {
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

test('text without a dollar never changes', () => {
  fc.assert(fc.property(fc.string(), (text) => text.includes('$') || expand(text) === text));
});

test('exactly the names that are referenced decide what comes out', () => {
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
