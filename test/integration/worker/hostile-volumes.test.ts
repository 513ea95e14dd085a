import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chdir, cwd } from 'node:process';
import { text } from 'node:stream/consumers';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { removeDirectory } from '../../../src/io/remove-tree.ts';

const test = suite<{ root: string }>('volumes of a hostile target, in the memory that a worker has');
/** As in the worker's pod. */
const nodeOptions = '--max-old-space-size=96 --max-semi-space-size=1';
const mebi = 1024 * 1024;

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'hostile-'));
  mkdirSync(join(context.root, 'out'));
});
test.after.each(({ root }) => removeDirectory(tmpdir(), root.slice(tmpdir().length + 1)));

/** The output of a worker with the memory limits of its pod. */
async function worker(what: string, root: string, name: string): Promise<string> {
  const path = join(import.meta.dirname, 'small-worker.ts');
  const env = { ...process.env, NODE_OPTIONS: nodeOptions };
  const child = spawn(process.execPath, [path, what, root, name], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[unknown]>]);
  assert.is(code, 0, output);
  return output;
}

/** Creates many names at low cost: up to 60,000 hard links share one file. */
function fill(directory: string, count: number, nameOf: (index: number) => string): void {
  for (let index = 0; index < count; index += 1) {
    const path = join(directory, nameOf(index));
    if (index % 60_000 === 0) writeFileSync(path, '');
    else linkSync(join(directory, nameOf(index - (index % 60_000))), path);
  }
}

test('a directory with too many bytes of names is refused, and the error names it', async ({ root }) => {
  fill(join(root, 'out'), 199_990, (index) => String(index).padStart(254, 'n'));
  assert.is(
    await worker('upload', root, 'out'),
    'ConfinedPathError: with the directory the names have more than 16777216 bytes\n',
  );
});

test('paths that exceed the longest possible path are refused', async ({ root }) => {
  const before = cwd();
  try {
    chdir(join(root, 'out'));
    for (let depth = 0; depth < 98; depth += 1) {
      mkdirSync('d'.repeat(255));
      chdir('d'.repeat(255));
    }
    fill('.', 6000, String);
  } finally {
    chdir(before);
  }
  assert.match(
    await worker('walk', root, 'out'),
    /^ConfinedPathError: d.* contains a path of more than 4095 bytes\n$/,
  );
});

test('a directory with any number of entries is removed', async ({ root }) => {
  fill(join(root, 'out'), 500_000, String);
  assert.is(await worker('remove', root, 'out'), 'done\n');
  assert.equal(readdirSync(root), []);
});

test('a folder of 200,000 files in a volume that outlives the run is removed at its end', async ({
  root,
}) => {
  assert.is(await worker('stage', root, 'out'), 'done\n');
  assert.equal(readdirSync(join(root, 'out')), []);
});

test('reading a journal with any number of lines ends with the time limit', async ({ root }) => {
  const journal = join(root, '.dockerrun-uid-data');
  writeFileSync(journal, '{"path":"a"}\n'.repeat(5_000_000));
  assert.match(await worker('sweep', root, 'uid'), /^TimeoutError/);
});

test("a journal that is too large to be the worker's is not read, and is removed with a warning", async ({
  root,
}) => {
  const journal = join(root, '.dockerrun-uid-data');
  writeFileSync(journal, '');
  truncateSync(journal, 65 * mebi);
  assert.match(await worker('sweep', root, 'uid'), /68157440 bytes.*\ndone\n$/);
  assert.equal(readdirSync(root), ['out']);
});

test.run();
