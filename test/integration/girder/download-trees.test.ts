import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFolder, downloadItem, removeDownload } from '../../../src/girder/download/download.ts';
import { filesOf } from '../../../src/girder/lookup.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { ask } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

const never = new AbortController().signal;
const small = { signal: never, pageSize: 2 };

test('an item with one file of its own name becomes that file', async () => {
  await using scratch = await ScratchFolder.make();
  const itemId = await scratch.item('scan.txt', [['scan.txt', 'hello']]);
  const got = await downloadItem(scratch.admin, { itemId, into: scratch.directory }, small);
  assert.equal([got.relativePath, got.size, got.files], [`${itemId}/scan.txt`, 5, 1]);
  assert.equal(await readTree(scratch.directory), { [`${itemId}/scan.txt`]: 'hello' });
  assert.is((await stat(join(scratch.directory, got.relativePath))).mode & 0o7777, 0o644);
});

test('any other item becomes a directory of its files, and two files of one name both arrive', async () => {
  await using scratch = await ScratchFolder.make();
  const files = ['a.txt', 'a.txt', 'a (1).txt', 'x/y', 'x_y', '..'].map(
    (name) => [name, `${name}!`] as const,
  );
  const itemId = await scratch.item('set', files);
  const seen: (readonly [number, number | undefined])[] = [];
  const options = { ...small, onProgress: (...now: [number, number | undefined]) => void seen.push(now) };
  const got = await downloadItem(scratch.admin, { itemId, into: scratch.directory }, options);
  assert.equal([got.relativePath, got.files], [`${itemId}/set`, 6]);
  assert.equal(await readTree(join(scratch.directory, got.relativePath)), {
    '_..': '..!',
    'a (1) (1).txt': 'a (1).txt!',
    'a (1).txt': 'a.txt!',
    'a.txt': 'a.txt!',
    x_y: 'x/y!',
    'x_y (1)': 'x_y!',
  });
  assert.is((await stat(join(scratch.directory, got.relativePath))).mode & 0o7777, 0o777);
  assert.equal(seen.at(-1), [got.size, got.size]);
  assert.equal(await removeDownload(scratch.directory, got.created), []);
  assert.equal(await readdir(scratch.directory), []);
});

test('an item with one file of another name is a directory, and an empty one is an empty directory', async () => {
  await using scratch = await ScratchFolder.make();
  const into = scratch.directory;
  const itemId = await scratch.item('set', [['other', 'x']]);
  const emptyId = await scratch.item('nothing');
  const empty = await downloadItem(scratch.admin, { itemId: emptyId, into }, { signal: never });
  await downloadItem(scratch.admin, { itemId, into }, { signal: never });
  assert.equal([empty.relativePath, empty.size, empty.files], [`${emptyId}/nothing`, 0, 0]);
  assert.equal(await readTree(into), { [`${itemId}/set/other`]: 'x', [`${emptyId}/nothing`]: null });
});

test('a folder is downloaded with everything in it, across all pages and with any names', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  const sub = await scratch.folder('a/b');
  await scratch.folder('empty');
  const deep = await scratch.folder('..', sub);
  await scratch.item('one', [['one', '1']]);
  await scratch.item('a_b', [['a_b', 'flat']]);
  await scratch.item('many', [
    ['m1', '1'],
    ['m2', '2'],
    ['m3', '3'],
  ]);
  await scratch.item(`${'n'.repeat(300)}.txt`, [[`${'n'.repeat(300)}.txt`, 'long']]);
  await scratch.item('line\nbreak', [['line\nbreak', 'control']], deep);
  const got = await downloadFolder(
    admin,
    { folderId, into, folderName: 'data' },
    { ...small, concurrency: 2 },
  );
  assert.equal([got.relativePath, got.files], [`${folderId}/data`, 7]);
  assert.equal(await readTree(join(into, got.relativePath)), {
    'a_b/_../line_break': 'control',
    'a_b (1)': 'flat',
    empty: null,
    'many/m1': '1',
    'many/m2': '2',
    'many/m3': '3',
    [`${'n'.repeat(251)}.txt`]: 'long',
    one: '1',
  });
  assert.equal(await removeDownload(into, got.created), []);
  assert.equal(await readdir(into), []);
});

test('a folder keeps its own name when no filename is given, and a name that leaves the volume is refused', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  const got = await downloadFolder(admin, { folderId, into }, { signal: never });
  assert.is(got.relativePath, `${folderId}/${scratch.name}`);
  const error = await runErrorOf(
    downloadFolder(admin, { folderId, into, folderName: '../x' }, { signal: never }),
  );
  assert.is(error.reason, 'InvalidSpec');
});

test('existing files are kept, and nothing of the refused download is left', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  for (const name of ['a', 'b', 'c', 'd', 'e']) await scratch.item(name, [[name, name]]);
  await mkdir(join(into, folderId, 'data'), { recursive: true });
  await writeFile(join(into, folderId, 'data/d'), 'mine');
  const error = await runErrorOf(downloadFolder(admin, { folderId, into, folderName: 'data' }, small));
  assert.is(error.reason, 'FileExists');
  assert.equal(await readTree(into), { [`${folderId}/data/d`]: 'mine' });
});

test('too many entries, too deep folders and too long paths are errors that name the limit', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  let parent = folderId;
  for (let depth = 0; depth < 17; depth += 1) parent = await scratch.folder('d'.repeat(250), parent);
  for (const name of ['a', 'b']) await scratch.item(name, [[name, name]]);
  const limits = [{ maxEntries: 5 }, { maxDepth: 3 }, {}];
  const errors = [];
  for (const limit of limits)
    errors.push(await runErrorOf(downloadFolder(admin, { folderId, into }, { signal: never, ...limit })));
  assert.match(errors[0]?.message ?? '', /more than 5 entries$/);
  assert.match(errors[1]?.message ?? '', /nested more than 3 deep$/);
  assert.match(errors[2]?.message ?? '', /more than 4095 bytes$/);
  assert.equal(
    errors.map(({ reason }) => reason),
    Array(3).fill('DownloadFailed'),
  );
  assert.equal(await readdir(into), []);
});

test('a cancelled download stops at once and leaves nothing', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await scratch.item(name, [[name, name]]);
  const controller = new AbortController();
  const onCreate = ({ path }: { path: string }) => {
    if (path.endsWith('/b')) controller.abort(new Error('cancelled'));
  };
  const options = { signal: controller.signal, concurrency: 1, pageSize: 2, onCreate };
  const error: unknown = await downloadFolder(admin, { folderId, into }, options).catch(
    (thrown: unknown) => thrown,
  );
  assert.is((error as Error).message, 'cancelled');
  assert.equal(await readdir(into), []);
});

test('a folder that does not exist is named in the error', async () => {
  await using scratch = await ScratchFolder.make();
  const folderId = '0123456789abcdef01234567';
  const error = await runErrorOf(
    downloadFolder(scratch.admin, { folderId, into: scratch.directory }, { signal: never }),
  );
  assert.is(error.reason, 'GirderNotFound');
  assert.match(error.message, new RegExp(`no folder ${folderId} in Girder`));
});

test('files that are only links are downloaded from their targets', async () => {
  await using scratch = await ScratchFolder.make();
  const { hostname } = new URL(scratch.admin.apiUrl);
  const server = createServer((_request, response) => response.end('from afar'));
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  try {
    const itemId = await scratch.item('set', [['near', 'near']]);
    await scratch.link(itemId, 'far', `http://${hostname}:${(server.address() as AddressInfo).port}/far`);
    const got = await downloadItem(scratch.admin, { itemId, into: scratch.directory }, { signal: never });
    assert.equal(await readTree(join(scratch.directory, got.relativePath)), {
      far: 'from afar',
      near: 'near',
    });
    assert.is(got.size, 13);
  } finally {
    server.close();
  }
});

test('a deletion during a listing does not hide other entries', async () => {
  await using scratch = await ScratchFolder.make();
  const names = ['1', '2', '3', '4', '5', '6', '7'];
  const itemId = await scratch.item(
    'set',
    names.map((name) => [name, ''] as const),
  );
  const seen: string[] = [];
  for await (const files of filesOf(scratch.admin, itemId, { signal: never, pageSize: 3 })) {
    for (const { _id, name } of files) {
      seen.push(name);
      if (name === '1' || name === '3') await ask(scratch.admin, 'DELETE', ['file', _id]);
    }
  }
  assert.equal(seen, names);
});

test.run();
