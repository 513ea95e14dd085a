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
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inodeOf } from '../../../src/io/confined-change.ts';
import { StagedFiles } from '../../../src/worker/stage/journal.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, aVolume, anEnvironment } from '../../fixtures/builders-worker.ts';

const test = suite<{ root: string }>('staged files');
const runUid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const run = { namespace: 'lab', name: 'segment', uid: runUid };
const context = aContext({ environment: anEnvironment(aSpec(), { run }) });

test.before.each((given) => {
  given.root = mkdtempSync(join(tmpdir(), 'staged-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

/** Begins an attempt of the run with a download into each of the volumes, which are all one directory. */
async function anAttempt(root: string, names: readonly string[] = ['data']) {
  const volumes = names.map((name) => aVolume(name, { localPath: root }));
  const staged = new StagedFiles();
  await staged.begin(context, volumes);
  return { staged, volumes };
}

/** Notes a directory with a file and makes them, as a download does. */
function make(root: string, name: string, note: (made: { path: string; inode?: string }) => void): void {
  note({ path: name });
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'file'), name);
  note({ path: `${name}/file`, inode: inodeOf(statSync(join(root, name, 'file'), { bigint: true })) });
}

test('a run removes what it made and its journal, and what was there before stays', async ({ root }) => {
  writeFileSync(join(root, 'theirs'), '');
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) make(root, 'in', (made) => staged.note(volume, made));
  staged.note(aVolume('other'), { path: 'theirs' });
  await staged.remove(context);
  assert.equal(readdirSync(root), ['theirs']);
});

test('what a killed attempt made is removed by the next one, although the last line is cut', async ({
  root,
}) => {
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) make(root, 'in', (made) => staged.note(volume, made));
  const [journal = ''] = readdirSync(root).filter((name) => name.startsWith('.dockerrun-'));
  appendFileSync(join(root, journal), '{"path":"i');
  const next = await anAttempt(root);
  assert.equal(readdirSync(root), [journal]);
  await next.staged.remove(context);
  assert.equal(readdirSync(root), []);
});

test('a file that somebody put at a noted path meanwhile is not removed', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root);
  writeFileSync(join(root, 'ours'), '');
  const inode = inodeOf(statSync(join(root, 'ours'), { bigint: true }));
  for (const volume of volumes) staged.note(volume, { path: 'taken', inode });
  writeFileSync(join(root, 'taken'), 'theirs');
  const next = await anAttempt(root);
  await next.staged.remove(context);
  assert.equal(readdirSync(root), ['ours', 'taken']);
});

test('two volumes that are one directory have a journal each', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root, ['data', 'again']);
  for (const volume of volumes) make(root, volume.name, (made) => staged.note(volume, made));
  assert.is(readdirSync(root).length, 4);
  const next = await anAttempt(root, ['data', 'again']);
  assert.is(readdirSync(root).length, 2);
  await next.staged.remove(context);
  assert.equal(readdirSync(root), []);
});

test('a journal that somebody swapped for a link is not read, and is no obstacle', async ({ root }) => {
  const { staged, volumes } = await anAttempt(root);
  const [journal = ''] = readdirSync(root);
  writeFileSync(join(root, 'theirs'), '{"path":"theirs-too"}');
  mkdirSync(join(root, 'theirs-too'));
  rmSync(join(root, journal));
  symlinkSync('theirs', join(root, journal));
  for (const volume of volumes) await StagedFiles.sweep(context, runUid, volume);
  assert.equal(readdirSync(root), ['theirs', 'theirs-too']);
  await staged.remove(context);
});

test('after a run whose worker was lost, what it noted goes, and no journal is begun', async ({ root }) => {
  writeFileSync(join(root, 'theirs'), '');
  const { staged, volumes } = await anAttempt(root);
  for (const volume of volumes) {
    make(root, 'in', (made) => staged.note(volume, made));
    await StagedFiles.sweep(context, runUid, volume);
    await StagedFiles.sweep(context, runUid, volume);
  }
  assert.equal(readdirSync(root), ['theirs']);
});

test.run();
