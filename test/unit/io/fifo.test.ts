import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type CreatedPath, inodeOf, ownNamePrefix, removePath } from '../../../src/io/confined-change.ts';
import { ConfinedPathError } from '../../../src/io/confined.ts';
import { FifoError, makeFifo } from '../../../src/io/fifo.ts';

const test = suite<{ root: string; descriptors: number }>('creating named pipes');

// With its first child process, Node opens descriptors of its own and keeps them.
test.before(async () => {
  await once(spawn('true'), 'close');
});

const leaks: number[] = [];

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'make-fifo-'));
  context.descriptors = readdirSync('/proc/self/fd').length;
});

test.after.each(({ root, descriptors }) => {
  rmSync(root, { recursive: true });
  leaks.push(readdirSync('/proc/self/fd').length - descriptors);
});

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
}

test('any user can reach and open the pipe, whatever the umask', async ({ root }) => {
  const umask = process.umask(0o077);
  try {
    const fifo = await makeFifo(root, 'a/b/pipe of "mine"');
    const stats = statSync(join(root, fifo.path), { bigint: true });
    assert.ok(stats.isFIFO());
    assert.is(stats.mode & 0o7777n, 0o666n);
    assert.is(inodeOf(stats), fifo.inode);
    assert.is(statSync(join(root, 'a/b')).mode & 0o777, 0o777);
    assert.equal(readdirSync(join(root, 'a/b')), ['pipe of "mine"'], 'no other entry is left');
  } finally {
    process.umask(umask);
  }
});

test('every path is reported before it is created, and the reports are enough to remove it', async ({
  root,
}) => {
  const reported: CreatedPath[] = [];
  const fifo = await makeFifo(root, 'a/pipe', (made) => {
    assert.throws(() => statSync(join(root, made.path)), 'ENOENT');
    reported.push(made);
  });
  assert.equal([reported[0], reported[2]], [{ path: 'a' }, fifo]);
  assert.ok(reported[1]?.path.startsWith(`a/${ownNamePrefix}`));
  assert.is(reported.length, 3);
  for (const made of reported.toReversed()) assert.is(await removePath(root, made), true);
  assert.equal(readdirSync(root), []);
});

test('existing entries stay, and links are not followed', async ({ root }) => {
  writeFileSync(join(root, 'file'), 'precious');
  symlinkSync('nowhere', join(root, 'dangling'));
  await makeFifo(root, 'pipe');
  for (const path of ['file', 'dangling', 'pipe']) {
    const error = await thrownBy(makeFifo(root, path));
    assert.instance(error, ConfinedPathError);
    assert.is((error as ConfinedPathError).problem, 'exists', path);
  }
  mkdirSync(join(root, 'real'));
  symlinkSync('real', join(root, 'link'));
  const error = await thrownBy(makeFifo(root, 'link/pipe'));
  assert.is((error as ConfinedPathError).problem, 'unsafe');
  assert.equal(readdirSync(join(root, 'real')), []);
  assert.equal(readdirSync(root).toSorted(), ['dangling', 'file', 'link', 'pipe', 'real']);
});

test('when the name is taken at the last moment, no temporary entry is left', async ({ root }) => {
  const error = await thrownBy(
    makeFifo(root, 'pipe', ({ path }) => {
      if (path === 'pipe') writeFileSync(join(root, 'pipe'), 'first');
    }),
  );
  assert.is((error as ConfinedPathError).problem, 'exists');
  assert.equal(readdirSync(root), ['pipe']);
  assert.ok(statSync(join(root, 'pipe')).isFile());
});

test('the error for a missing or failing mkfifo says how to fix it', async ({ root }) => {
  const path = process.env['PATH'];
  try {
    process.env['PATH'] = root;
    const missing = await thrownBy(makeFifo(root, 'pipe'));
    assert.instance(missing, FifoError);
    assert.match(String(missing), 'the program mkfifo is missing; install coreutils');
    writeFileSync(join(root, 'mkfifo'), '#!/bin/sh\necho "mkfifo: cannot: No such luck" >&2; exit 3\n');
    chmodSync(join(root, 'mkfifo'), 0o755);
    const failed = await thrownBy(makeFifo(root, 'pipe'));
    assert.match(String(failed), 'the named pipe pipe cannot be created');
    assert.match(String(failed), 'mkfifo failed with "No such luck" (3)');
    assert.equal(readdirSync(root), ['mkfifo']);
  } finally {
    process.env['PATH'] = path;
  }
});

test('no descriptor stays open', () => {
  assert.ok(leaks.length > 0);
  assert.ok(
    leaks.every((count) => count === 0),
    `descriptors that each test left open: ${leaks.join(', ')}`,
  );
});

test.run();
