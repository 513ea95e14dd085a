import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { inodeOf } from '../../../src/io/confined-change.ts';
import { StagedFiles } from '../../../src/worker/stage/journal.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, aVolume, anEnvironment } from '../../fixtures/builders-worker.ts';

const test = suite<{ root: string }>('journal');
const runUid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const run = { namespace: 'lab', name: 'segment', uid: runUid };
const context = aContext({ environment: anEnvironment(aSpec(), { run }) });

test.before.each((given) => {
  given.root = mkdtempSync(join(tmpdir(), 'staged-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

/** Starts an attempt with these volumes, which are all the same directory. */
async function anAttempt(root: string, names: readonly string[] = ['data']) {
  const volumes = names.map((name) => aVolume(name, { localPath: root }));
  const staged = new StagedFiles();
  await staged.begin(context, volumes);
  return { staged, volumes };
}

/** Notes a directory and a file in it and creates them, as a download does. */
function make(root: string, name: string, note: (made: { path: string; inode?: string }) => void): void {
  note({ path: name });
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'file'), name);
  note({ path: `${name}/file`, inode: inodeOf(statSync(join(root, name, 'file'), { bigint: true })) });
}

test('a run removes its files and its journal, and files of others remain', async ({ root }) => {
  writeFileSync(join(root, 'theirs'), '');
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) make(root, 'in', (made) => staged.note(volume, made));
  staged.note(aVolume('other'), { path: 'theirs' });
  await staged.remove(context, context.signal);
  assert.equal(readdirSync(root), ['theirs']);
});

test('the next attempt removes the files of a killed one, even if the last line is incomplete', async ({
  root,
}) => {
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) make(root, 'in', (made) => staged.note(volume, made));
  const [journal = ''] = readdirSync(root).filter((name) => name.startsWith('.dockerrun-'));
  appendFileSync(join(root, journal), '{"path":"i');
  const next = await anAttempt(root);
  assert.equal(readdirSync(root), [journal]);
  await next.staged.remove(context, context.signal);
  assert.equal(readdirSync(root), []);
});

test('a file that has replaced a noted one is not removed', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root);
  writeFileSync(join(root, 'ours'), '');
  const inode = inodeOf(statSync(join(root, 'ours'), { bigint: true }));
  for (const volume of volumes) staged.note(volume, { path: 'taken', inode });
  writeFileSync(join(root, 'taken'), 'theirs');
  const next = await anAttempt(root);
  await next.staged.remove(context, context.signal);
  assert.equal(readdirSync(root), ['ours', 'taken']);
});

test('two volumes in one directory have a journal each', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root, ['data', 'again']);
  for (const volume of volumes) make(root, volume.name, (made) => staged.note(volume, made));
  assert.is(readdirSync(root).length, 4);
  const next = await anAttempt(root, ['data', 'again']);
  assert.is(readdirSync(root).length, 2);
  await next.staged.remove(context, context.signal);
  assert.equal(readdirSync(root), []);
});

test('a journal that was replaced by a link is removed without being read', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root);
  const [journal = ''] = readdirSync(root);
  writeFileSync(join(root, 'theirs'), '{"path":"theirs-too"}');
  mkdirSync(join(root, 'theirs-too'));
  rmSync(join(root, journal));
  symlinkSync('theirs', join(root, journal));
  for (const volume of volumes) await StagedFiles.sweep(context, runUid, volume);
  assert.equal(readdirSync(root), ['theirs', 'theirs-too']);
  await staged.remove(context, context.signal);
});

test('a cleanup removes the noted files and the journal, and can be repeated', async ({ root }) => {
  writeFileSync(join(root, 'theirs'), '');
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) {
    make(root, 'in', (made) => staged.note(volume, made));
    await StagedFiles.sweep(context, runUid, volume);
    await StagedFiles.sweep(context, runUid, volume);
  }
  assert.equal(readdirSync(root), ['theirs']);
});

test('one error of the disk while the journal is read leaves nothing behind', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) make(root, 'in', (made) => staged.note(volume, made));
  using read = await failingRead(root);
  await staged.remove(context, context.signal);
  assert.equal(read.failures, 1);
  assert.equal(readdirSync(root), []);
});

/** Makes the next read of any open file fail as a disk does. */
async function failingRead(directory: string): Promise<{ failures: number } & Disposable> {
  const handle = await open(directory);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const read = Object.getOwnPropertyDescriptor(prototype, 'read') ?? {};
  const restore = () => void Object.defineProperty(prototype, 'read', read);
  const failing = { failures: 0, [Symbol.dispose]: restore };
  const fail = () => {
    restore();
    failing.failures += 1;
    return Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
  };
  Object.assign(prototype, { read: fail });
  return failing;
}

test.run();
