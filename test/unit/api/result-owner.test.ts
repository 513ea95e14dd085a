import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { foreignText, resultOwner } from '../../../src/api/set/receipt.ts';

const set = 'lab/nuclei';
const receipt = {
  set,
  input: { id: 'a', name: 'x', files: [], filesDigest: 'f' },
  recipe: 'r',
  digest: 'd',
  state: 'Succeeded',
  attempts: 1,
  image: 'i',
  run: 'lab/r',
  finishedAt: '2026-11-20T11:00:00Z',
};
const { set: _, ...withoutSet } = receipt;

test('a receipt that names the set is that of its result', () => {
  assert.equal(resultOwner(receipt, set), { kind: 'own', receipt });
});

test('a value that names the set and is not a receipt is one without a receipt', () => {
  for (const value of [{ set }, { ...receipt, attempts: 'many' }])
    assert.equal(resultOwner(value, set), { kind: 'own', receipt: undefined });
});

test('a value that names another set is of that set, whether it is a receipt or not', () => {
  for (const value of [{ ...receipt, set: 'lab/cells' }, { set: 'lab/cells' }])
    assert.equal(resultOwner(value, set), { kind: 'other', set: 'lab/cells' });
});

test('a receipt that has lost its set, and any other value, is not of the set', () => {
  for (const value of [withoutSet, { ...receipt, set: 7 }, { ...receipt, set: '' }, 'text', 0, null, [set]])
    assert.equal(resultOwner(value, set), { kind: 'other', set: undefined });
});

test('an item without the value is of nobody', () => {
  assert.equal(resultOwner(undefined, set), { kind: 'unmarked' });
});

test('the text about a result that is not of the set says what to do', () => {
  assert.match(foreignText({ kind: 'other', set: 'lab/cells' }), /^belongs to the DockerRunSet lab\/cells$/);
  assert.match(foreignText({ kind: 'other', set: undefined }), /names no DockerRunSet; delete the item/);
  assert.match(foreignText({ kind: 'unmarked' }), /^has files, but no receipt .*; delete the item/);
});

test.run();
