import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFolder } from '../../../src/girder/download/download.ts';
import { removeUploaded, uploadPath } from '../../../src/girder/upload/upload-path.ts';
import type { TreeUploadOptions, UploadedFile } from '../../../src/girder/upload/upload-tree.ts';
import { ConfinedPathError } from '../../../src/io/confined.ts';
import { RunError } from '../../../src/support/errors.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { ask, call, girderEnvironment } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

/** The type of a request that has bytes of a file. */
const bytesType = 'application/octet-stream';
const never = new AbortController().signal;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Writes files by relative path, and creates the directories they need. */
function write(directory: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

/** Uploads, and also returns the files passed to `onUploaded`, sorted by path. */
async function upload(
  scratch: ScratchFolder,
  given: Omit<Parameters<typeof uploadPath>[1], 'root'>,
  options: Partial<TreeUploadOptions> = {},
) {
  const uploaded: UploadedFile[] = [];
  const onUploaded = (file: UploadedFile) => void uploaded.push(file);
  const tree = await uploadPath(
    scratch.admin,
    { root: scratch.directory, ...given },
    { signal: never, onUploaded, ...options },
  );
  return { ...tree, uploaded: uploaded.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** The contents of a folder in Girder, as a download of it shows them. */
async function inGirder(scratch: ScratchFolder): Promise<Record<string, string | null>> {
  const { admin, folderId, directory } = scratch;
  const target = { folderId, into: directory, folderName: 'back' };
  const { created } = await downloadFolder(admin, target, { signal: never });
  const tree = await readTree(join(directory, folderId, 'back'));
  await removeUploaded(directory, created);
  return tree;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  if (thrown instanceof Error) return thrown;
  throw new Error('nothing went wrong');
}

const reasonOf = (error: Error) => (error instanceof RunError ? error.reason : String(error));

test('a directory becomes folders and items, and files that Girder already has are not sent again', async () => {
  await using scratch = await ScratchFolder.make();
  const to = { folderId: scratch.folderId };
  const files = { 'out/a.txt': 'A', 'out/sub/b.txt': 'BB', 'out/sub/deep/c': '', 'out/ü x.txt': 'umlaut' };
  write(scratch.directory, files);
  mkdirSync(join(scratch.directory, 'out/empty'));
  const seen: (number | undefined)[] = [];
  const onProgress = (bytes: number, total: number | undefined) => void seen.push(bytes, total);
  const first = await upload(scratch, { path: 'out', to }, { onProgress });
  assert.equal([first.files, first.size, first.refused], [4, 9, []]);
  assert.equal(seen.slice(-2), [9, 9]);
  assert.equal(
    first.uploaded.map(({ path, name, size, unchanged }) => [path, name, size, unchanged]),
    [
      ['a.txt', 'a.txt', 1, false],
      ['sub/b.txt', 'b.txt', 2, false],
      ['sub/deep/c', 'c', 0, false],
      ['ü x.txt', 'ü x.txt', 6, false],
    ],
  );
  assert.is(first.uploaded[1]?.sha256, sha256('BB'));
  const expected = { 'a.txt': 'A', 'sub/b.txt': 'BB', 'sub/deep/c': '', 'ü x.txt': 'umlaut', empty: null };
  assert.equal(await inGirder(scratch), expected);
  write(scratch.directory, { 'out/a.txt': 'Z' });
  const second = await upload(scratch, { path: 'out', to }, { concurrency: 1 });
  assert.equal(
    second.uploaded.map(({ fileId, unchanged }) => [fileId, unchanged]),
    first.uploaded.map(({ fileId, path }) => [fileId, path !== 'a.txt']),
  );
  assert.is(second.uploaded[0]?.sha256, sha256('Z'));
  assert.is(second.uploaded[1]?.sha256, sha256('BB'));
  assert.equal(await inGirder(scratch), { ...expected, 'a.txt': 'Z' });
});

test('links are followed inside of the volume, and only links are deleted afterwards', async () => {
  await using scratch = await ScratchFolder.make();
  const { directory, folderId } = scratch;
  const to = { folderId };
  write(directory, { 'out/runs/run-1.csv': '1', 'kept.csv': 'kept' });
  symlinkSync('runs/run-1.csv', join(directory, 'out/latest.csv'));
  symlinkSync('/data/kept.csv', join(directory, 'out/absolute.csv'));
  symlinkSync('/etc/passwd', join(directory, 'out/passwd'));
  symlinkSync('runs', join(directory, 'out/dir'));
  const follow = { path: 'out', to, links: 'Follow', seenAs: '/data' } as const;
  const sent = await upload(scratch, follow, { keepSources: true });
  const runs = { 'runs/run-1.csv': '1' };
  assert.equal(await inGirder(scratch), { 'absolute.csv': 'kept', 'latest.csv': '1', ...runs });
  assert.equal(
    sent.refused.map(({ path, kind }) => [path, kind]),
    [
      ['dir', 'link'],
      ['passwd', 'unsafe'],
    ],
  );
  await removeUploaded(directory, sent.sources);
  assert.equal(readdirSync(join(directory, 'out')), ['dir', 'passwd']);
  assert.ok(readdirSync(directory).includes('kept.csv'));
});

test('a result that is itself a link is followed, missing or refused', async () => {
  await using scratch = await ScratchFolder.make();
  const to = { folderId: scratch.folderId };
  write(scratch.directory, { 'run-1.csv': '1', 'tree/a': 'A' });
  symlinkSync('run-1.csv', join(scratch.directory, 'latest.csv'));
  symlinkSync('tree', join(scratch.directory, 'last'));
  symlinkSync('/etc/passwd', join(scratch.directory, 'passwd'));
  await upload(scratch, { path: 'latest.csv', to, links: 'Follow' });
  await upload(scratch, { path: 'last', to, links: 'Follow' });
  assert.equal(await inGirder(scratch), { 'latest.csv': '1', a: 'A' });
  const problems: string[] = [];
  for (const given of [
    { path: 'passwd', links: 'Follow' },
    { path: 'latest.csv', links: 'Skip' },
    { path: 'latest.csv', links: 'Fail' },
  ] as const) {
    const error = await failure(upload(scratch, { to, ...given }));
    problems.push(error instanceof ConfinedPathError ? error.problem : String(error));
  }
  assert.equal(problems, ['unsafe', 'missing', 'unsafe']);
});

test('equal contents are not sent, and other contents of the same size are', async () => {
  await using scratch = await ScratchFolder.make();
  const { apiUrl, apiKey } = girderEnvironment();
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal: never });
  const send = (text: string) => {
    write(scratch.directory, { 'x.bin': text });
    const given = { root: scratch.directory, path: 'x.bin', to: { folderId: scratch.folderId } };
    return uploadPath(client, given, { signal: never });
  };
  const sent = () => proxy.seen.filter(({ headers }) => headers['content-type'] === bytesType).length;
  await send('first');
  await send('first');
  assert.is(sent(), 1);
  await send('other');
  assert.is(sent(), 2);
  assert.equal(await inGirder(scratch), { 'x.bin': 'other' });
  await client.close();
});

test('a file gets the requested type, reference, name and metadata', async () => {
  await using scratch = await ScratchFolder.make();
  const itemId = await scratch.item('result');
  write(scratch.directory, { 'out.dat': '{}' });
  const traits = {
    mimeType: 'application/json',
    reference: 'ref',
    metadata: { grade: { a: [1] }, gone: null },
  };
  const given = { path: 'out.dat', to: { itemId }, filename: 'result.json', ...traits };
  const { uploaded } = await upload(scratch, given);
  assert.equal(
    [uploaded[0]?.path, uploaded[0]?.name, uploaded[0]?.itemId],
    ['out.dat', 'result.json', itemId],
  );
  const file = await call(scratch.admin, 'GET', ['file', uploaded[0]?.fileId ?? '']);
  assert.is(file['mimeType'], 'application/json');
  const item = await call(scratch.admin, 'GET', ['item', itemId]);
  assert.equal(item['meta'], { grade: { a: [1] } });
  await upload(scratch, { path: 'out.dat', to: { folderId: scratch.folderId }, metadata: { more: true } });
  const items = (await ask(scratch.admin, 'GET', ['item'], {
    folderId: scratch.folderId,
    name: 'out.dat',
  })) as {
    meta: unknown;
  }[];
  assert.equal(
    items.map(({ meta }) => meta),
    [{ more: true }],
  );
});

test('metadata that Girder cannot store is refused before anything is sent', async () => {
  await using scratch = await ScratchFolder.make();
  write(scratch.directory, { x: 'x' });
  for (const key of ['a.b', '$a', '']) {
    const given = { path: 'x', to: { folderId: scratch.folderId }, metadata: { [key]: 1 } };
    const error = await failure(upload(scratch, given));
    assert.is(reasonOf(error), 'InvalidSpec');
    assert.match(error.message, `the key ${JSON.stringify(key)}`);
  }
  assert.equal(await inGirder(scratch), {});
});

test('an item gets the files of a directory, and nested directories are reported', async () => {
  await using scratch = await ScratchFolder.make();
  const itemId = await scratch.item('set', [
    ['a', 'old'],
    ['b', 'same'],
  ]);
  write(scratch.directory, { 'out/a': 'new', 'out/b': 'same', 'out/c': 'C', 'out/sub/d': 'D' });
  const { uploaded, refused, files } = await upload(scratch, {
    path: 'out',
    to: { itemId },
    metadata: { n: 3 },
  });
  assert.equal(
    uploaded.map(({ path, unchanged }) => [path, unchanged]),
    [
      ['a', false],
      ['b', true],
      ['c', false],
    ],
  );
  assert.is(files, 3);
  assert.equal(
    refused.map(({ path, kind }) => [path, kind]),
    [['sub', 'directory']],
  );
  assert.equal(await inGirder(scratch), { 'set/a': 'new', 'set/b': 'same', 'set/c': 'C' });
  const item = await call(scratch.admin, 'GET', ['item', itemId]);
  assert.equal(item['meta'], { n: 3 });
});

test('unsafe files of a hostile target are refused, and the rest is uploaded', async () => {
  await using scratch = await ScratchFolder.make();
  const out = join(scratch.directory, 'out');
  write(scratch.directory, { 'out/good': 'good', 'out/ space': 'x', 'out/dir /x': 'x' });
  symlinkSync('/etc/passwd', join(out, 'passwd'));
  symlinkSync('/etc', join(out, 'etc'));
  execFileSync('mkfifo', [join(out, 'pipe')]);
  writeFileSync(Buffer.concat([Buffer.from(`${out}/`), Buffer.from([0xff])]), 'x');
  const { refused, files } = await upload(scratch, { path: 'out', to: { folderId: scratch.folderId } });
  assert.is(files, 1);
  assert.equal(
    refused.map(({ path, kind }) => [path, kind]),
    [
      [' space', 'name'],
      ['dir ', 'name'],
      ['etc', 'unsafe'],
      ['passwd', 'unsafe'],
      ['pipe', 'unsafe'],
      ['\\xff', 'name'],
    ],
  );
  assert.equal(await inGirder(scratch), { good: 'good' });
});

test('a caller that throws on a refused file ends the upload with its own error', async () => {
  await using scratch = await ScratchFolder.make();
  write(scratch.directory, { 'out/z': 'z' });
  symlinkSync('/etc/passwd', join(scratch.directory, 'out/a'));
  const onRefused = ({ path }: { path: string }) => {
    throw new RunError('OutputUnsafe', `${path} is refused`);
  };
  const given = { path: 'out', to: { folderId: scratch.folderId } };
  assert.is(reasonOf(await failure(upload(scratch, given, { onRefused }))), 'OutputUnsafe');
  assert.equal(await inGirder(scratch), {});
});

test('a path that is missing, a link or under a link is not uploaded', async () => {
  await using scratch = await ScratchFolder.make();
  symlinkSync('/etc', join(scratch.directory, 'etc'));
  for (const [path, problem] of [
    ['none', 'missing'],
    ['etc', 'unsafe'],
    ['etc/passwd', 'unsafe'],
  ] as const) {
    const error = await failure(upload(scratch, { path, to: { folderId: scratch.folderId } }));
    assert.is(error instanceof ConfinedPathError ? error.problem : error, problem);
  }
});

test('a whole volume is uploaded except the files that the worker put there', async () => {
  await using scratch = await ScratchFolder.make();
  write(scratch.directory, { '.dockerrun-journal': 'ours', a: 'A', 'in/x': 'input' });
  const ignore = (path: string) => path === 'in';
  await upload(scratch, { to: { folderId: scratch.folderId } }, { ignore });
  assert.equal(await inGirder(scratch), { a: 'A' });
});

test('uploaded files are removed locally, but files that were added later are kept', async () => {
  await using scratch = await ScratchFolder.make();
  const { directory } = scratch;
  write(directory, { 'out/a': 'A', 'out/sub/b': 'B', 'out/swapped': 'old' });
  const place = { path: 'out', to: { folderId: scratch.folderId } };
  const { sources } = await upload(scratch, place, { keepSources: true });
  write(directory, { 'swapped-in': 'new', 'out/late': 'late' });
  renameSync(join(directory, 'swapped-in'), join(directory, 'out/swapped'));
  assert.equal((await removeUploaded(directory, sources)).toSorted(), ['out', 'out/swapped']);
  assert.equal(readdirSync(join(directory, 'out')).toSorted(), ['late', 'swapped']);
});

test('an upload fails where a folder has the name of the file, and no stray item is left', async () => {
  await using scratch = await ScratchFolder.make();
  await scratch.folder('taken');
  write(scratch.directory, { taken: 'x' });
  const error = await failure(upload(scratch, { path: 'taken', to: { folderId: scratch.folderId } }));
  assert.is(reasonOf(error), 'UploadFailed');
  assert.match(error.message, /Girder names it "taken \(1\)"/);
  assert.equal(await inGirder(scratch), { taken: null });
});

test('the first failure stops the rest, and an item whose file was not uploaded is removed', async () => {
  await using scratch = await ScratchFolder.make();
  const { apiUrl, apiKey } = girderEnvironment();
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal: never });
  for (let number = 100; number < 300; number += 1) write(scratch.directory, { [`out/${number}`]: 'x' });
  const body = JSON.stringify({ message: 'no', type: 'access' });
  proxy.fail('POST', '/file?', { status: 403, body });
  const given = { root: scratch.directory, path: 'out', to: { folderId: scratch.folderId } };
  const error = await failure(uploadPath(client, given, { signal: never, concurrency: 2 }));
  assert.is(reasonOf(error), 'GirderForbidden');
  // Removing an abandoned upload takes a second; the other lane continues until then.
  assert.ok(Object.values(await inGirder(scratch)).length < 150);
  assert.not.ok(Object.values(await inGirder(scratch)).includes(null));
  await client.close();
});

test('a cancelled upload stops at once', async () => {
  await using scratch = await ScratchFolder.make();
  for (const name of ['1', '2', '3', '4', '5', '6']) write(scratch.directory, { [`out/${name}`]: name });
  const controller = new AbortController();
  const options = {
    signal: controller.signal,
    concurrency: 1,
    onUploaded: () => controller.abort(new Error('cancelled')),
  };
  const given = { path: 'out', to: { folderId: scratch.folderId } };
  assert.is((await failure(upload(scratch, given, options))).message, 'cancelled');
  assert.equal(await inGirder(scratch), { '1': '1' });
});

test.run();
