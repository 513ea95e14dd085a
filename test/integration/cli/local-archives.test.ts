import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compressed, packed, partsOf, unpackResult } from '../../../src/cli/remote/local-archives.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';

const big = Buffer.alloc(3_000_000, 'x');

/** The engine's archive of a directory `outputs`. */
const archived = (local: string) =>
  Readable.from(packed([{ path: 'outputs' }, { path: 'outputs/result', local }]));

test('a directory comes back as it was packed, with long names, empty files, and links followed', async () => {
  using scratch = new ScratchDirectory('archives');
  const [from, to] = [join(scratch.path, 'from'), join(scratch.path, 'to')];
  const long = `${'ä'.repeat(100)}/${'n'.repeat(200)}`;
  await mkdir(join(from, 'ä'.repeat(100)), { recursive: true });
  await mkdir(to);
  await writeFile(join(from, long), 'long');
  await writeFile(join(from, 'big'), big, { mode: 0o600 });
  await writeFile(join(from, 'empty'), '');
  await symlink(join(from, 'big'), join(from, 'link'));
  assert.equal(await unpackResult(archived(from), to), { name: 'result', path: join(to, 'result') });
  const read = (name: string) => readFile(join(to, 'result', name));
  assert.ok((await read('big')).equals(big));
  assert.ok((await read('link')).equals(big));
  assert.is((await read('empty')).length, 0);
  assert.is((await read(long)).toString(), 'long');
  assert.is((await stat(join(to, 'result', 'big'))).mode & 0o444, 0o444, 'the target may be any user');
});

test('a result gets the name of a path that is no directory', async () => {
  using scratch = new ScratchDirectory('archives');
  const [from, to] = [join(scratch.path, 'from.txt'), join(scratch.path, 'new', 'to.txt')];
  await writeFile(from, 'text');
  assert.equal(await unpackResult(archived(from), to), { name: 'result', path: to });
  assert.is(await readFile(to, 'utf8'), 'text');
});

test('a result goes into a directory that does not exist yet, if its path ends with a slash', async () => {
  using scratch = new ScratchDirectory('archives');
  const from = join(scratch.path, 'from.txt');
  await writeFile(from, 'text');
  const to = join(scratch.path, 'new', 'result');
  assert.equal(await unpackResult(archived(from), `${scratch.path}/new/`), { name: 'result', path: to });
  assert.is(await readFile(to, 'utf8'), 'text');
});

for (const [what, entry] of [
  ['a link', { name: 'outputs/result', type: 'symlink', linkname: '/etc/passwd' }],
  ['a hard link', { name: 'outputs/result', type: 'link', linkname: 'outputs/other' }],
  ['a device', { name: 'outputs/result', type: 'character-device' }],
  ['a path that leads elsewhere', { name: 'outputs/../../escaped', type: 'directory' }],
] as const)
  test(`${what} in the archive is refused, and nothing is written`, async () => {
    using scratch = new ScratchDirectory('archives');
    const archive = pack();
    archive.entry({ ...entry });
    archive.finalize();
    const to = join(scratch.path, 'to');
    const failure = await runErrorOf(unpackResult(Readable.from(archive), to));
    assert.is(failure.reason, 'OutputUnsafe');
    assert.is(await stat(to).catch(() => 'missing'), 'missing');
  });

test('a compressed archive is the same archive, and fails with the same error', async () => {
  using scratch = new ScratchDirectory('archives');
  const from = join(scratch.path, 'from');
  await writeFile(from, big);
  const pieces = await Readable.from(compressed(packed([{ path: 'outputs/result', local: from }]))).toArray();
  const bytes = Buffer.concat(pieces as Buffer[]);
  assert.ok(bytes.length < big.length / 10);
  const to = join(scratch.path, 'to');
  await unpackResult(Readable.from([gunzipSync(bytes)]), to);
  assert.ok((await readFile(to)).equals(big));
  const broken = compressed(packed([{ path: 'in', local: join(scratch.path, 'none') }]));
  assert.is((await runErrorOf(Readable.from(broken).toArray())).reason, 'DownloadFailed');
});

test('an archive that breaks off fails', async () => {
  using scratch = new ScratchDirectory('archives');
  const from = join(scratch.path, 'from');
  await writeFile(from, big);
  const bytes = Buffer.concat(await archived(from).toArray());
  const cut = Readable.from([bytes.subarray(0, 2_000_000)]);
  const failure = await runErrorOf(unpackResult(cut, join(scratch.path, 'to')));
  assert.is(failure.reason, 'UploadFailed');
});

test('an input that cannot be read fails with its path', async () => {
  using scratch = new ScratchDirectory('archives');
  const loop = join(scratch.path, 'loop');
  await mkdir(loop);
  await symlink(loop, join(loop, 'again'));
  for (const local of [join(scratch.path, 'none'), loop]) {
    const failure = await runErrorOf(Readable.from(packed([{ path: 'in', local }])).toArray());
    assert.is(failure.reason, 'DownloadFailed');
    assert.match(failure.message, local);
  }
});

test('on Windows a name with a backslash or a drive is refused', () => {
  assert.equal(partsOf('outputs/a\\b:c', '/'), ['a\\b:c']);
  for (const name of ['outputs/..\\x', 'outputs/C:x'])
    assert.throws(() => partsOf(name, '\\'), 'no path of a result');
});

test.run();
