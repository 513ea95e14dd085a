import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { chdir, cwd } from 'node:process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { emptyDirectory, removeDirectory } from '../../../src/io/remove-tree.ts';

const test = suite<{ root: string }>('removing a directory of a target');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'clear-'));
  mkdirSync(join(context.root, 'own/sub/deeper'), { recursive: true });
  mkdirSync(join(context.root, 'other'));
  writeFileSync(join(context.root, 'other/kept'), '');
});
test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

test('everything in the directory is removed, and nothing beside it', async ({ root }) => {
  writeFileSync(join(root, 'own/sub/deeper/file'), 'x');
  writeFileSync(Buffer.concat([Buffer.from(join(root, 'own/')), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
  await removeDirectory(root, 'own');
  assert.equal(readdirSync(root), ['other']);
});

test('the targets of links stay, even when the directory itself is a link', async ({ root }) => {
  symlinkSync(join(root, 'other'), join(root, 'own/sub/link'));
  symlinkSync('/nosuch', join(root, 'own/dangling'));
  await removeDirectory(root, 'own');
  symlinkSync(join(root, 'other'), join(root, 'link'));
  await removeDirectory(root, 'link').then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /symbolic link, not a directory/),
  );
  assert.ok(existsSync(join(root, 'other/kept')));
});

test('a missing directory is not an error', async ({ root }) => {
  await removeDirectory(root, 'nosuch');
});

test('a directory below others is removed, but not through a link', async ({ root }) => {
  await removeDirectory(root, 'own/sub');
  assert.equal(readdirSync(join(root, 'own')), []);
  symlinkSync(root, join(root, 'own/link'));
  await removeDirectory(root, 'own/link/other').then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /symbolic link, not a directory/),
  );
  assert.ok(existsSync(join(root, 'other/kept')));
});

test('a directory that is emptied stays', async ({ root }) => {
  symlinkSync(join(root, 'other'), join(root, 'own/link'));
  await emptyDirectory(join(root, 'own'));
  assert.equal(readdirSync(join(root, 'own')), []);
  assert.ok(existsSync(join(root, 'other/kept')));
});

test('a tree with a path that exceeds the limit of Linux is removed', async ({ root }) => {
  const before = cwd();
  try {
    chdir(join(root, 'own'));
    for (let depth = 0; depth < 30; depth += 1) {
      mkdirSync('d'.repeat(200));
      chdir('d'.repeat(200));
    }
  } finally {
    chdir(before);
  }
  await removeDirectory(root, 'own');
  assert.equal(readdirSync(root), ['other']);
});

test.run();
