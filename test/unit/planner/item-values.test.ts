import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ListedDocument } from '../../../src/girder/listed-documents.ts';
import { metadataProblem, usesFile, usesMetadata, valuesOf } from '../../../src/planner/item-values.ts';

const document: ListedDocument = {
  _id: 'i1',
  name: 'a.svs',
  size: 7,
  updated: undefined,
  created: undefined,
  parentId: 'f1',
  meta: { mpp: 0.25, ok: true, text: 'x', list: [1], long: 'x'.repeat(5_000), 'a.b': 'c' },
};
const source = { document, path: 'sub/a.svs', file: { id: 'f9', name: 'a.tif' } };
const missing = (name: string, from = source) => {
  const result = valuesOf([name], from);
  return 'missing' in result ? result.missing : undefined;
};

test('a template gets the values that it uses, and no others', () => {
  const names = [
    'item.id',
    'item.name',
    'item.path',
    'item.size',
    'item.folderId',
    'item.file.id',
    'item.file.name',
  ];
  const meta = ['item.meta.mpp', 'item.meta.ok', 'item.meta.text', 'item.meta.a.b'];
  assert.equal(valuesOf([...names, ...meta], source), {
    values: {
      'item.id': 'i1',
      'item.name': 'a.svs',
      'item.path': 'sub/a.svs',
      'item.size': '7',
      'item.folderId': 'f1',
      'item.file.id': 'f9',
      'item.file.name': 'a.tif',
      'item.meta.mpp': '0.25',
      'item.meta.ok': 'true',
      'item.meta.text': 'x',
      'item.meta.a.b': 'c',
    },
  });
  assert.equal(valuesOf([], source), { values: {} });
});

test('an input without a value that the template uses is excluded with a sentence', () => {
  assert.is(
    missing('item.meta.none'),
    'its metadata has no text, number or boolean none for $(item.meta.none)',
  );
  assert.is(
    missing('item.meta.list'),
    'its metadata has no text, number or boolean list for $(item.meta.list)',
  );
  assert.is(
    missing('item.meta.toString'),
    'its metadata has no text, number or boolean toString for $(item.meta.toString)',
  );
  assert.is(missing('item.other'), 'there is no $(item.other)');
  assert.is(missing('item.meta.long'), 'its $(item.meta.long) has more than 4096 characters');
  const without = valuesOf(['item.file.id'], { ...source, file: undefined });
  assert.equal(without, { missing: 'it has no file for $(item.file.id)' });
});

test('values are bounded together', () => {
  const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
  const meta = Object.fromEntries(keys.map((key) => [key, 'x'.repeat(4_000)]));
  const result = valuesOf(
    keys.map((key) => `item.meta.${key}`),
    { ...source, document: { ...document, meta } },
  );
  assert.equal(result, { missing: 'its values have more than 32768 characters together' });
});

test('metadata is bounded before it is read', () => {
  assert.is(metadataProblem(document), undefined);
  const large = { ...document, meta: { text: 'x'.repeat(70_000) } };
  assert.match(metadataProblem(large) ?? '', /^has more than 65536 bytes/);
});

test('what a template uses decides what is asked for', () => {
  assert.ok(usesFile(['item.id', 'item.file.name']));
  assert.not.ok(usesFile(['item.id', 'item.meta.file']));
  assert.ok(usesMetadata(['item.meta.file']));
  assert.not.ok(usesMetadata(['item.id']));
});

test.run();
