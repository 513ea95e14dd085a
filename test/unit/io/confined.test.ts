import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { inodeOf, publishFile, removePath } from '../../../src/io/confined-change.ts';
import {
  ConfinedPathError,
  createFile,
  makeDirectories,
  openRegularFile,
  pathSegments,
} from '../../../src/io/confined.ts';
import { openBelow } from '../../fixtures/open-below.ts';

const test = suite<{ root: string; outside: string }>('confined paths');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'confined-'));
  context.outside = mkdtempSync(join(tmpdir(), 'outside-'));
  writeFileSync(join(context.outside, 'secret'), 'secret');
});

const leaks: string[] = [];

test.after.each(({ root, outside }) => {
  rmSync(root, { recursive: true });
  rmSync(outside, { recursive: true });
  leaks.push(...openBelow(root), ...openBelow(outside));
});

async function problem(promise: Promise<unknown>): Promise<string> {
  const thrown: unknown = await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
  if (thrown instanceof ConfinedPathError) return thrown.problem;
  throw thrown instanceof Error ? thrown : new Error(String(thrown));
}

test('only plain relative paths are accepted', () => {
  assert.equal(pathSegments('a/b c/ü'), ['a', 'b c', 'ü']);
  for (const bad of ['', '/a', 'a//b', 'a/', './a', 'a/..', '..', 'a\0b', 'x'.repeat(256)]) {
    assert.throws(
      () => pathSegments(bad),
      (error: unknown) => error instanceof ConfinedPathError,
    );
  }
});

test('a regular file can be read', async ({ root }) => {
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'a/file'), 'hello');
  await using handle = await openRegularFile(root, 'a/file');
  assert.is(String(await handle.readFile()), 'hello');
});

test('a missing file, or a file below a missing directory, is reported as missing', async ({ root }) => {
  assert.is(await problem(openRegularFile(root, 'file')), 'missing');
  assert.is(await problem(openRegularFile(root, 'a/b/file')), 'missing');
});

test('no link is followed, neither at the end nor on the way, even when it points inside the root', async ({
  root,
  outside,
}) => {
  symlinkSync(join(outside, 'secret'), join(root, 'link'));
  symlinkSync(outside, join(root, 'directory'));
  writeFileSync(join(root, 'file'), 'x');
  symlinkSync('file', join(root, 'inner'));
  for (const path of ['link', 'directory/secret', 'inner']) {
    assert.is(await problem(openRegularFile(root, path)), 'unsafe', path);
  }
});

test('pipes, sockets, devices and directories are refused without blocking', async ({ root }) => {
  execFileSync('mkfifo', [join(root, 'pipe')]);
  execFileSync('mknod', [join(root, 'device'), 'c', '1', '5']);
  mkdirSync(join(root, 'directory'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve));
  for (const path of ['pipe', 'device', 'directory', 'socket']) {
    assert.is(await problem(openRegularFile(root, path)), 'unsafe', path);
  }
  await new Promise((resolve) => server.close(resolve));
});

test('an open file stays the same when a link replaces it', async ({ root, outside }) => {
  writeFileSync(join(root, 'file'), 'mine');
  await using handle = await openRegularFile(root, 'file');
  rmSync(join(root, 'file'));
  symlinkSync(join(outside, 'secret'), join(root, 'file'));
  assert.is(String(await handle.readFile()), 'mine');
});

test('missing directories are created with the given mode, whatever the umask, and existing ones do not change', async ({
  root,
}) => {
  mkdirSync(join(root, 'a'));
  chmodSync(join(root, 'a'), 0o750);
  const created: string[] = [];
  await makeDirectories(root, ['a', 'b', 'c'], 0o777, (path) => created.push(path));
  assert.equal(created, ['a/b', 'a/b/c']);
  assert.is(statSync(join(root, 'a')).mode & 0o777, 0o750);
  assert.is(statSync(join(root, 'a/b/c')).mode & 0o777, 0o777);
});

test('no directory is created behind a link', async ({ root, outside }) => {
  symlinkSync(outside, join(root, 'link'));
  assert.is(await problem(makeDirectories(root, ['link', 'new'], 0o777)), 'unsafe');
  assert.equal(readdirSync(outside), ['secret']);
});

test('a new file never replaces an entry, not even a dangling link', async ({ root, outside }) => {
  writeFileSync(join(root, 'file'), 'old');
  symlinkSync(join(outside, 'new'), join(root, 'dangling'));
  assert.is(await problem(createFile(root, 'file', 0o644)), 'exists');
  assert.is(await problem(createFile(root, 'dangling', 0o644)), 'exists');
  assert.equal(readdirSync(outside), ['secret']);
});

test('publishing moves a file to its final name and never replaces an entry', async ({ root }) => {
  for (const name of ['part', 'taken']) writeFileSync(join(root, name), name);
  assert.is(await problem(publishFile(root, 'part', 'taken')), 'exists');
  await publishFile(root, 'part', 'final');
  assert.equal(readdirSync(root), ['final', 'taken']);
  assert.is(readFileSync(join(root, 'final'), 'utf8'), 'part');
});

test('only an empty directory and the file with the same inode are removed, and no entry behind a link', async ({
  root,
  outside,
}) => {
  symlinkSync(outside, join(root, 'link'));
  assert.is(await removePath(root, { path: 'link/secret', inode: inode(join(outside, 'secret')) }), false);
  assert.is(await removePath(root, { path: 'link' }), false);
  assert.equal(readdirSync(outside), ['secret']);
  mkdirSync(join(root, 'full'));
  writeFileSync(join(root, 'full/file'), '');
  assert.is(await removePath(root, { path: 'full' }), false);
  assert.is(await removePath(root, { path: 'full/file', inode: inode(join(root, 'full/file')) }), true);
  assert.is(await removePath(root, { path: 'full' }), true);
  assert.is(await removePath(root, { path: 'missing/for/ever' }), true);
});

test('a file of another program stays, with or without a known inode', async ({ root }) => {
  for (const name of ['ours', 'theirs']) writeFileSync(join(root, name), name);
  assert.is(await removePath(root, { path: 'theirs', inode: inode(join(root, 'ours')) }), false);
  assert.is(await removePath(root, { path: 'theirs' }), false);
  assert.is(readFileSync(join(root, 'theirs'), 'utf8'), 'theirs');
});

test('a file with our own prefix is removed without an inode', async ({ root }) => {
  writeFileSync(join(root, '.dockerrun-1.part'), '');
  assert.is(await removePath(root, { path: '.dockerrun-1.part' }), true);
  assert.equal(readdirSync(root), []);
});

test('a published file keeps its inode', async ({ root }) => {
  writeFileSync(join(root, 'part'), '');
  const before = inode(join(root, 'part'));
  await publishFile(root, 'part', 'final');
  assert.is(inode(join(root, 'final')), before);
});

function inode(path: string): string {
  return inodeOf(statSync(path, { bigint: true }));
}

// The last test, because a hook that fails hides every other failure.
test('no descriptor stays open', () => {
  assert.equal(leaks, []);
});

test.run();
