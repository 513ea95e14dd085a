import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
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

test('links are skipped when asked for', async ({ root }) => {
  writeFileSync(join(root, 'a'), 'A');
  symlinkSync('a', join(root, 'b'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  assert.equal(await walk(root, { ...wide, links: 'Skip' }), [
    'a = A',
    'b is a symbolic link',
    'pipe is a named pipe, not a regular file',
  ]);
});

/** Follows links in `root`, which the target sees as /data. */
const following = (root: string): WalkLimits => ({ ...wide, links: { root, seenAs: '/data', base: '' } });

test('a followed link to a file of the volume is a file with its name', async ({ root }) => {
  mkdirSync(join(root, 'runs/1'), { recursive: true });
  writeFileSync(join(root, 'runs/1/table.csv'), '1');
  symlinkSync('runs/1/table.csv', join(root, 'relative'));
  symlinkSync('/data/runs/1/table.csv', join(root, 'absolute'));
  symlinkSync('../relative', join(root, 'runs/up'));
  symlinkSync('runs/1', join(root, 'latest'));
  symlinkSync('latest/../1/./table.csv', join(root, 'through'));
  assert.equal(await walk(root, following(root)), [
    'absolute = 1',
    'latest is a symbolic link to a directory',
    'relative = 1',
    'runs/',
    'runs/1/',
    'runs/1/table.csv = 1',
    'runs/up = 1',
    'through = 1',
  ]);
});

for (const [target, why] of [
  ['/etc/passwd', '/etc/passwd leads out of the volume'],
  ['/database', '/database leads out of the volume'],
  ['../other', '.. leads out of the volume'],
  ['/data/../etc/passwd', '.. leads out of the volume'],
  ['outside', '/etc leads out of the volume'],
  ['outside/passwd', '/etc leads out of the volume'],
  ['/data/link', 'link leads through too many links or directories'],
  ['nowhere', 'nowhere does not exist in the volume'],
  ['file/x', 'x is not in a directory'],
  ['pipe', 'it leads to a named pipe'],
  ['.dockerrun-tmp/other-run/secret', '.dockerrun-tmp belongs to DockerRun'],
  ['d/'.repeat(150), 'link leads through too many links or directories'],
] as const) {
  test(`a link to ${target.slice(0, 40)} is refused when links are followed`, async ({ root }) => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync('/etc', join(root, 'outside'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    mkdirSync(join(root, 'd/'.repeat(150)), { recursive: true });
    mkdirSync(join(root, '.dockerrun-tmp/other-run'), { recursive: true });
    writeFileSync(join(root, '.dockerrun-tmp/other-run/secret'), 'secret');
    symlinkSync(target, join(root, 'link'));
    const limits = { ...following(root), ignore: (path: string) => path !== 'link' };
    assert.equal(await walk(root, limits), [`link is a symbolic link that cannot be followed: ${why}`]);
  });
}

test('a followed link never leads out while directories on its way are replaced by links', async ({
  root,
}) => {
  const volume = join(root, 'volume');
  const outside = join(root, 'outside');
  for (const directory of [volume, outside]) {
    mkdirSync(join(directory, 'd'), { recursive: true });
    writeFileSync(join(directory, 'd/file'), directory === volume ? 'inside' : 'outside');
  }
  symlinkSync('d/file', join(volume, 'link'));
  symlinkSync(join(outside, 'd'), join(volume, 'evil'));
  const attacker = spawn('sh', ['-c', 'while mv d e && mv evil d && mv d evil && mv e d; do :; done'], {
    cwd: volume,
    stdio: 'ignore',
  });
  try {
    await once(attacker, 'spawn');
    const limits = { ...following(volume), ignore: (path: string) => path !== 'link' };
    const seen = new Set<string>();
    for (let round = 0; round < 300; round += 1)
      for (const line of await walk(volume, limits)) seen.add(line);
    assert.not.ok([...seen].some((line) => line.includes('= outside')));
    assert.ok(seen.has('link = inside'));
  } finally {
    attacker.kill('SIGKILL');
    await once(attacker, 'exit');
  }
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
