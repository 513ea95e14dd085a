import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfinedPathError, openDirectory } from '../../../src/io/confined.ts';
import { type WalkEntry, type WalkLimits, walkTree } from '../../../src/io/walk.ts';
import { openBelow } from '../../fixtures/open-below.ts';

const test = suite<{ root: string }>('walking a tree');
const wide = { maxDepth: 100, maxEntries: 1000 };

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'walk-'));
});

const leaks: string[] = [];

test.after.each(({ root }) => {
  rmSync(root, { recursive: true });
  leaks.push(...openBelow(root));
});

/** One line for each entry; `onEntry` may change the tree while it is being walked. */
async function walk(
  root: string,
  limits: WalkLimits = wide,
  onEntry: (entry: WalkEntry) => void = () => undefined,
): Promise<string[]> {
  const lines: string[] = [];
  await using directory = await openDirectory(root, []);
  for await (const entry of walkTree(directory, limits)) {
    onEntry(entry);
    if (entry.kind === 'file') {
      lines.push(`${entry.path} = ${await entry.handle.readFile('utf8')}`);
      await entry.handle.close();
    } else lines.push(entry.kind === 'directory' ? `${entry.path}/` : `${entry.path} ${entry.why}`);
  }
  return lines;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  assert.instance(thrown, ConfinedPathError);
  return (thrown as ConfinedPathError).message;
}

test('a directory comes before its entries, and names in the order of their bytes', async ({ root }) => {
  mkdirSync(join(root, 'b/empty'), { recursive: true });
  for (const name of ['ü', 'z', 'B', 'b/x']) writeFileSync(join(root, name), name);
  assert.equal(await walk(root), ['B = B', 'b/', 'b/empty/', 'b/x = b/x', 'z = z', 'ü = ü']);
});

test('links, pipes and devices are refused without being followed or read', async ({ root }) => {
  symlinkSync('/etc/passwd', join(root, 'file-link'));
  symlinkSync('/etc', join(root, 'dir-link'));
  symlinkSync('nowhere', join(root, 'dangling'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
  assert.equal(await walk(root), [
    'dangling is a symbolic link, not a regular file',
    'dir-link is a symbolic link, not a regular file',
    'file-link is a symbolic link, not a regular file',
    'null is a device, not a regular file',
    'pipe is a named pipe, not a regular file',
  ]);
});

test('the walk stays inside when a link replaces a directory', async ({ root }) => {
  mkdirSync(join(root, 'a/inner'), { recursive: true });
  writeFileSync(join(root, 'a/inner/file'), 'inside');
  mkdirSync(join(root, 'b'));
  const lines = await walk(root, wide, (entry) => {
    if (entry.path === 'a') {
      renameSync(join(root, 'a'), join(root, 'moved'));
      symlinkSync('/etc', join(root, 'a'));
    }
    if (entry.path === 'a/inner/file') {
      rmSync(join(root, 'b'), { recursive: true });
      symlinkSync('/etc', join(root, 'b'));
    }
  });
  assert.equal(lines, [
    'a/',
    'a/inner/',
    'a/inner/file = inside',
    'b is a symbolic link, not a regular file',
  ]);
});

test('a file that is replaced after it was found is still the one that is read', async ({ root }) => {
  writeFileSync(join(root, 'file'), 'inside');
  const lines = await walk(root, wide, () => {
    rmSync(join(root, 'file'));
    symlinkSync('/etc/passwd', join(root, 'file'));
  });
  assert.equal(lines, ['file = inside']);
});

test('a name that is not UTF-8 is refused, and its other bytes are escaped', async ({ root }) => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]), 'x');
  assert.equal(await walk(root), ['caf\\xe9.txt has a name that is not UTF-8']);
});

test('a flat walk reports directories and does not enter them', async ({ root }) => {
  mkdirSync(join(root, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'file'), 'x');
  assert.equal(await walk(root, { ...wide, isFlat: true }), ['a/', 'file = x']);
});

test('an ignored path is skipped with everything below it', async ({ root }) => {
  mkdirSync(join(root, 'a'));
  for (const name of ['a/x', 'b']) writeFileSync(join(root, name), name);
  assert.equal(await walk(root, { ...wide, ignore: (path) => path === 'a' }), ['b = b']);
});

test('the error for a tree that is too deep or has too many entries says where', async ({ root }) => {
  mkdirSync(join(root, 'a/b/c'), { recursive: true });
  assert.is(await refusal(walk(root, { ...wide, maxDepth: 3 })), 'a/b/c is nested 3 directories deep');
  assert.equal(await walk(root, { ...wide, maxDepth: 4 }), ['a/', 'a/b/', 'a/b/c/']);
  assert.is(await refusal(walk(root, { ...wide, maxEntries: 2 })), 'with a/b there are more than 2 entries');
});

test('a file that disappears is an error, and every handle is closed', async ({ root }) => {
  for (const name of ['a', 'b']) writeFileSync(join(root, name), name);
  const message = await refusal(walk(root, wide, () => rmSync(join(root, 'b'), { force: true })));
  assert.is(message, 'b does not exist in the volume');
});

// The last test, because a hook that fails hides every other failure.
test('no descriptor stays open', () => {
  assert.equal(leaks, []);
});

test.run();
