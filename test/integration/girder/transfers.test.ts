import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFile, removeDownload } from '../../../src/girder/download/download.ts';
import type { CreatedPath } from '../../../src/io/confined-change.ts';
import { stageIn } from '../../../src/worker/stage/stage-in.ts';
import { aContext, aVolume } from '../../fixtures/builders-worker.ts';
import { hashFile, Scratch } from './real-girder.ts';

const never = new AbortController().signal;
const mebi = 1024 * 1024;

for (const size of [0, 1, 5 * mebi + 1, 100 * mebi]) {
  test(`${size} random bytes are downloaded from Girder exactly as they were uploaded`, async () => {
    await using scratch = await Scratch.make();
    const { path, sha256 } = await scratch.randomFile('original', size);
    const seen: number[] = [];
    const uploaded = await scratch.upload(path, 'data.bin');
    assert.is(uploaded.sha256, sha256);
    assert.is(uploaded.size, size);
    const target = { fileId: uploaded.fileId, into: scratch.directory };
    const onProgress = (bytes: number) => seen.push(bytes);
    const downloaded = await downloadFile(scratch.admin, target, { signal: never, onProgress });
    assert.is(downloaded.relativePath, `${uploaded.fileId}/data.bin`);
    assert.is(await hashFile(join(scratch.directory, downloaded.relativePath)), sha256);
    assert.is(seen.at(-1) ?? 0, size);
    assert.is(await scratch.unfinishedUploads(), 0);
  });
}

test('uploading a name again replaces the contents and keeps the file', async () => {
  await using scratch = await Scratch.make();
  const first = await scratch.randomFile('first', 100);
  const second = await scratch.randomFile('second', 3 * mebi);
  const before = await scratch.upload(first.path, 'data.bin');
  const after = await scratch.upload(second.path, 'data.bin');
  assert.is(after.fileId, before.fileId);
  assert.equal(await scratch.files(), [{ name: 'data.bin', size: 3 * mebi }]);
  const target = { fileId: after.fileId, into: scratch.directory, filename: 'back' };
  await downloadFile(scratch.admin, target, { signal: never });
  assert.is(await hashFile(join(scratch.directory, 'back')), second.sha256);
});

test('a file of the same size but other contents is replaced too', async () => {
  await using scratch = await Scratch.make();
  const [first, second] = [await scratch.randomFile('first', 64), await scratch.randomFile('second', 64)];
  await scratch.upload(first.path, 'data.bin');
  const { fileId } = await scratch.upload(second.path, 'data.bin');
  await downloadFile(scratch.admin, { fileId, into: scratch.directory, filename: 'back' }, { signal: never });
  assert.is(await hashFile(join(scratch.directory, 'back')), second.sha256);
});

test('a file that is replaced by an empty file has 0 bytes', async () => {
  await using scratch = await Scratch.make();
  const [full, empty] = [await scratch.randomFile('full', 64), await scratch.randomFile('empty', 0)];
  await scratch.upload(full.path, 'data.bin');
  const { sha256 } = await scratch.upload(empty.path, 'data.bin');
  assert.is(sha256, createHash('sha256').digest('hex'));
  assert.equal(await scratch.files(), [{ name: 'data.bin', size: 0 }]);
});

test('a file with a hostile name in Girder stays inside its own directory', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('original', 10);
  const { fileId } = await scratch.upload(path, '../../etc/passwd');
  const { relativePath } = await downloadFile(
    scratch.admin,
    { fileId, into: scratch.directory },
    { signal: never },
  );
  assert.is(relativePath, `${fileId}/.._.._etc_passwd`);
});

test('a download creates missing directories for every user, and its removal leaves only what existed before', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('original', 10);
  const { fileId } = await scratch.upload(path, 'x');
  const into = scratch.directory;
  const before = await readdir(into);
  const { created } = await downloadFile(
    scratch.admin,
    { fileId, into, filename: 'a/b/c.bin' },
    { signal: never },
  );
  assert.equal(
    created.map((made) => made.path),
    ['a', 'a/b', 'a/b/c.bin'],
  );
  assert.is((await stat(join(into, 'a'))).mode & 0o7777, 0o777);
  assert.is((await stat(join(into, 'a/b/c.bin'))).mode & 0o7777, 0o644);
  assert.equal(await removeDownload(into, created), []);
  assert.equal(await readdir(into), before);
});

test('a download never overwrites an existing file', async () => {
  await using scratch = await Scratch.make();
  const { path, sha256 } = await scratch.randomFile('taken', 10);
  const other = await scratch.randomFile('other', 20);
  const { fileId } = await scratch.upload(other.path, 'x');
  const target = { fileId, into: scratch.directory, filename: 'taken' };
  const error = await downloadFile(scratch.admin, target, { signal: never }).catch(
    (thrown: unknown) => thrown,
  );
  assert.is((error as { reason: string }).reason, 'FileExists');
  assert.is(await hashFile(path), sha256);
});

test('a file that another process creates at the very end of a download survives the cleanup', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('original', 10);
  const { fileId } = await scratch.upload(path, 'x');
  const into = scratch.directory;
  const noted: CreatedPath[] = [];
  const onCreate = (made: CreatedPath) => {
    noted.push(made);
    if (made.path === 'late') writeFileSync(join(into, 'late'), 'theirs');
  };
  const error = await downloadFile(
    scratch.admin,
    { fileId, into, filename: 'late' },
    { signal: never, onCreate },
  ).catch((thrown: unknown) => thrown);
  assert.is((error as { reason: string }).reason, 'FileExists');
  assert.equal(await removeDownload(into, noted), ['late']);
  assert.equal((await readdir(into)).toSorted(), ['late', 'original']);
  assert.is(await readFile(join(into, 'late'), 'utf8'), 'theirs');
});

test('one file for two transforms is downloaded once, and both transforms report it', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('original', 10);
  const { fileId } = await scratch.upload(path, 'x');
  const volume = aVolume('data', { localPath: scratch.directory });
  const source = { kind: 'file' as const, fileId, filename: undefined };
  const { steps, ...context } = aContext();
  const { report } = context;
  const downloads = [{ names: ['ct', 'again'], volume, source }];
  const { paths } = await stageIn({ ...context, steps: { ...steps, downloads } }, scratch.admin);
  assert.equal(Object.fromEntries(paths), { ct: `${fileId}/x`, again: `${fileId}/x` });
  assert.equal(
    report.snapshot().transfers?.map(({ name, bytes }) => [name, bytes]),
    [
      ['ct', 10],
      ['again', 10],
    ],
  );
});

test.run();
