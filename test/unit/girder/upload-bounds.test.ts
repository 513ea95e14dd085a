import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FolderStack } from '../../../src/girder/tree-transfer.ts';
import { Refusals, UploadSources } from '../../../src/girder/upload/upload-tree.ts';

test('the folder of an entry is that of its directory, if it has one', () => {
  const folders = new FolderStack('root');
  folders.push('a', 'A');
  folders.push('a/b', 'B');
  assert.is(folders.parentOf('a/b/x'), 'B');
  assert.is(folders.parentOf('a/bc'), 'A');
  assert.is(folders.parentOf('a/refused/x'), undefined);
  assert.is(folders.parentOf('a/c'), 'A');
  assert.is(folders.parentOf('ab'), 'root');
  assert.is(folders.parentOf('refused/x'), undefined);
  assert.is(folders.parentOf('z'), 'root');
});

test('all refused paths are counted, and the first of each kind are kept', () => {
  const refusals = new Refusals();
  for (let index = 0; index < 1000; index += 1)
    refusals.add({ path: `d${index}`, kind: 'directory', why: 'is a directory' });
  refusals.add({ path: 'link', kind: 'unsafe', why: 'is a symbolic link' });
  assert.equal(refusals.counts, { directory: 1000, unsafe: 1, name: 0, link: 0 });
  assert.is(refusals.first.length, 21);
  assert.is(refusals.first.at(-1)?.path, 'link');
});

test('the sources start with the uploaded directory, and the others are below it', () => {
  const sources = new UploadSources('out');
  sources.note({ path: 'a', inode: '1:2' });
  assert.equal(sources.recorded, [{ path: 'out' }, { path: 'out/a', inode: '1:2' }]);
  assert.equal(new UploadSources(undefined).recorded, []);
});

test('sources that do not fit into memory are counted', () => {
  const sources = new UploadSources(undefined);
  for (let index = 0; index < 5000; index += 1) sources.note({ path: 'x'.repeat(4000) });
  assert.is(sources.recorded.length, 4194);
  assert.is(sources.unrecorded, 806);
});

test.run();
