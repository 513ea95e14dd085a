import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ForEachItem } from '../../../src/api/for-each.ts';
import {
  itemSpec,
  itemValues,
  printable,
  sharedSpec,
  usesSharedVolume,
} from '../../../src/worker/chunk/item-spec.ts';
import { expandTexts } from '../../../src/worker/plan.ts';
import { specOf } from '../../fixtures/builders.ts';
import { temporaryVolume } from '../../fixtures/builders-worker.ts';

const id = 'a'.repeat(24);
const fileId = 'b'.repeat(24);
const item: ForEachItem = {
  id,
  name: 'case.svs',
  recipe: '0'.repeat(64),
  values: { 'item.name': 'case.svs', 'item.file.id': fileId },
  result: { folderId: 'c'.repeat(24), name: 'case.svs' },
};
const weights = { name: 'weights', girderFileIdToVolume: { fileId: 'd'.repeat(24) } };
const own = { name: 'own', girderFileIdToVolume: { fileId: '$(item.file.id)' } };

test('an input has its own transforms with its values, and the download of itself if an argument uses it', () => {
  const out = { name: 'out', volumePath: { filename: '$(item.name)-$$(item.name).txt' } };
  const spec = specOf({ image: 'a', args: ['$(item)'], transforms: [weights, own, out] });
  assert.equal(itemSpec(spec, item).transforms, [
    { name: 'item', girderItemIdToVolume: { itemId: id } },
    { name: 'own', girderFileIdToVolume: { fileId } },
    { name: 'out', volumePath: { filename: 'case.svs-$(item.name).txt' } },
  ]);
  assert.equal(itemSpec(specOf({ image: 'a', args: ['$$(item)'] }), item).transforms, []);
});

test('an input that is a folder is downloaded as one', () => {
  const forEach = {
    set: { name: 's', namespace: 'n' },
    ...({ each: 'Folder', log: 'Always', isCautious: false } as const),
    items: [item],
  };
  const spec = { ...specOf({ image: 'a', env: [{ name: 'IN', value: '$(item)' }] }), forEach };
  assert.equal(itemSpec(spec, item).transforms, [{ name: 'item', girderFolderIdToVolume: { folderId: id } }]);
  assert.is(itemSpec(spec, item).forEach, undefined);
});

test('downloads that name no input are shared, in a volume of their own unless they have one', () => {
  const elsewhere = { name: 'atlas', girderItemIdToVolume: { itemId: id, volume: 'data' } };
  const volumes = [{ name: 'data', temporary: {} }];
  const spec = specOf({ image: 'a', volumes, transforms: [weights, own, elsewhere] });
  assert.equal(sharedSpec(spec).transforms, [
    { name: 'weights', girderFileIdToVolume: { fileId: 'd'.repeat(24), volume: 'shared inputs' } },
    elsewhere,
  ]);
  assert.ok(usesSharedVolume(spec));
  assert.not(usesSharedVolume({ ...spec, transforms: [own, elsewhere] }));
});

test('whatever a value is, an argument has exactly that text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '(', ')', 'item', 'result', 'x', '.') }), (value) => {
      const values = itemValues({ ...item, values: { 'item.name': value } });
      const spec = specOf({ image: 'a', args: ['<$(item.name)>', '$$(item.name)'] });
      const { args } = expandTexts(spec, [temporaryVolume], new Map(), values);
      assert.equal(args, [`<${value}>`, '$(item.name)']);
    }),
  );
});

test('a value with a NUL byte fails the input', () => {
  assert.throws(() => itemValues({ ...item, values: { 'item.name': 'a\0b' } }), /NUL byte/);
});

test('a name in the log has no control characters', () => {
  assert.is(printable('a\nb\u001b[31m\u2028c'), 'a\u{fffd}b\u{fffd}[31m\u{fffd}c');
});

test.run();
