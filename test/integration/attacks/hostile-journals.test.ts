import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inodeOf } from '../../../src/io/confined-change.ts';
import { createLogger } from '../../../src/support/log.ts';
import { StagedFiles } from '../../../src/worker/stage/journal.ts';
import { hostileTexts } from '../../fixtures/builders-hostile.ts';
import { aContext, aVolume } from '../../fixtures/builders-worker.ts';
import { openBelow } from '../../fixtures/open-below.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';

/**
 * Journals as a target or a neighbour in the same directory writes them: the sweep of a later attempt ends, removes
 * only what it may, and never leaves the volume.
 */

const numRuns = Number(process.env['RUNS'] ?? 2_000);
const seed = Number(process.env['SEED'] ?? 1);
/** For one journal, on a machine that does other work as well. */
const sweepMs = 20_000;
/** In bytes: of all that one sweep logs. */
const logBytes = 1024 * 1024;

const runUid = '0f0e0d0c';
const journal = `.dockerrun-${runUid}-data`;

/** A volume with files of the user, beside files that no run may touch. */
class Place {
  readonly volume: string;
  readonly outside: string;

  constructor(root: string) {
    [this.volume, this.outside] = [join(root, 'volume'), join(root, 'outside')];
    mkdirSync(join(this.volume, 'sub/empty'), { recursive: true });
    mkdirSync(join(this.outside, 'empty'), { recursive: true });
    for (const file of [
      join(this.volume, 'kept'),
      join(this.volume, 'sub/kept'),
      join(this.outside, 'secret'),
    ])
      writeFileSync(file, 'x');
    writeFileSync(join(this.outside, '.dockerrun-ours'), 'x');
    symlinkSync(this.outside, join(this.volume, 'way-out'));
    symlinkSync(join(this.outside, 'secret'), join(this.volume, 'file-out'));
  }

  /** What must be there after every sweep. */
  check(): void {
    assert.equal(readdirSync(this.outside).toSorted(), ['.dockerrun-ours', 'empty', 'secret']);
    for (const kept of ['kept', 'sub/kept', 'way-out', 'file-out'])
      assert.ok(lstatSync(join(this.volume, kept), { throwIfNoEntry: false }), `${kept} was removed`);
  }

  async sweep(): Promise<string> {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => void lines.push(line) });
    const signal = AbortSignal.timeout(sweepMs);
    await StagedFiles.sweep({ log, signal }, runUid, { localPath: this.volume, name: 'data' });
    return lines.join('');
  }
}

const inode = (path: string) => inodeOf(statSync(path, { bigint: true }));

/** Lines about places that a journal may not lead to, with an inode that is right for what is outside. */
function hostileLines({ outside, volume }: Place): fc.Arbitrary<string> {
  const paths = [
    ...[
      '../outside/secret',
      'way-out/secret',
      'way-out/empty',
      'way-out/.dockerrun-ours',
      'file-out',
      '/etc/passwd',
    ],
    ...['.', '..', '', 'sub', 'sub/', 'sub//empty', './kept', 'sub/../kept', 'kept/x', 'sub/empty', journal],
    ...['a/'.repeat(10_000), 'x'.repeat(30_000), 'kept\0', `${volume}/kept`, 'way-out', '.dockerrun-none/x'],
  ];
  const inodes = [inode(join(outside, 'secret')), '0:0', '-1:x', undefined];
  const one = fc.record({ path: fc.constantFrom(...paths), inode: fc.constantFrom(...inodes) });
  const honest = { path: 'sub/file', inode: '1:2' };
  return fc.oneof(
    { weight: 4, arbitrary: one.map((line) => JSON.stringify(line)) },
    { weight: 2, arbitrary: hostileTexts(honest) },
    { weight: 1, arbitrary: fc.constantFrom('', '{', '{"path":', '\u0000\u0000', '"', 'null', '[[[[[[') },
  );
}

test('any journal is swept in time, and nothing outside its volume or of another file is removed', async () => {
  using scratch = new ScratchDirectory('journals');
  const place = new Place(scratch.path);
  const journals = fc.array(hostileLines(place), { maxLength: 12 }).map((lines) => lines.join('\n'));
  let index = 0;
  for (const text of fc.sample(journals, { numRuns, seed })) {
    writeFileSync(join(place.volume, journal), text);
    const where = () => `seed ${seed}, journal ${index}: ${JSON.stringify(text.slice(0, 1_000))}`;
    const logged = await place.sweep().catch((error: unknown) => {
      throw new Error(`${String(error)} (${where()})`, { cause: error });
    });
    assert.ok(logged.length < logBytes, `${logged.length} bytes of log (${where()})`);
    assert.not.ok(existsSync(join(place.volume, journal)), where());
    place.check();
    assert.equal(openBelow(scratch.path), [], where());
    index += 1;
  }
});

test('something else in the place of a journal is not followed, read or waited for', async () => {
  using scratch = new ScratchDirectory('journals');
  const place = new Place(scratch.path);
  const path = join(place.volume, journal);
  const secret = JSON.stringify({ path: 'kept', inode: inode(join(place.volume, 'kept')) });
  writeFileSync(join(place.outside, 'secret'), secret);
  const makers = {
    'a link': () => symlinkSync(join(place.outside, 'secret'), path),
    'a dangling link': () => symlinkSync('nowhere', path),
    'a pipe': () => execFileSync('mkfifo', [path]),
    'an empty directory': () => mkdirSync(path),
  };
  for (const [what, make] of Object.entries(makers)) {
    make();
    await place.sweep();
    assert.not.ok(lstatSync(path, { throwIfNoEntry: false }), `${what} is still there`);
    place.check();
  }
  assert.is(readFileSync(join(place.outside, 'secret'), 'utf8'), secret);
  mkdirSync(join(path, 'full'), { recursive: true });
  const failure = await place.sweep().then(() => undefined, String);
  assert.match(failure ?? '', /cannot remove/);
  rmSync(path, { recursive: true });
  place.check();
});

test('a hard link to a file outside, as a target may make it in its volume, costs that file nothing but the link', async () => {
  using scratch = new ScratchDirectory('journals');
  const place = new Place(scratch.path);
  linkSync(join(place.outside, 'secret'), join(place.volume, 'hard'));
  const line = { path: 'hard', inode: inode(join(place.outside, 'secret')) };
  writeFileSync(join(place.volume, journal), JSON.stringify(line));
  await place.sweep();
  assert.not.ok(existsSync(join(place.volume, 'hard')));
  place.check();
});

test('paths that stay are listed in the log only as far as a worker could have created them', async () => {
  using scratch = new ScratchDirectory('journals');
  const { volume: localPath } = new Place(scratch.path);
  const lines: string[] = [];
  const log = createLogger('info', { write: (line) => void lines.push(line) });
  const context = aContext({ log });
  const staged = new StagedFiles();
  await staged.begin(context, [aVolume('data', { localPath })]);
  const [own = ''] = readdirSync(localPath).filter((name) => name.startsWith('.dockerrun-'));
  const long = Array.from({ length: 200 }, (_, index) => ({ path: `kept/${'x'.repeat(60_000)}${index}` }));
  const noted = [...long, { path: 'kept', inode: '1:1' }].map((line) => JSON.stringify(line));
  writeFileSync(join(localPath, own), noted.join('\n'));
  await staged.remove(context, context.signal);
  assert.equal(
    lines.map((line) => (JSON.parse(line) as { kept: unknown }).kept),
    [['kept']],
  );
});

test.run();
