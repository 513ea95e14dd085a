import { execFile } from 'node:child_process';
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { id, LargeGirder } from './large-girder.ts';

/** The memory of a worker, from the first tenth of the files to the last one; bytes. */
type Growth = { readonly files: number; readonly heapPerFile: number; readonly resident: number };

/** Transfers with the limits of a worker's pod, and prints the Growth. */
const child = `
import { downloadFolder, downloadItem } from './src/girder/download/download.ts';
import { uploadPath } from './src/girder/upload/upload-path.ts';
import { openGirder } from './src/girder/open-girder.ts';
const [apiUrl, kind, directory, count] = process.argv.slice(1);
const signal = new AbortController().signal;
const client = await openGirder({ apiUrl, credentials: { token: 'x' }, signal });
const memory = () => (gc(), process.memoryUsage());
let [files, first, last] = [0, undefined, undefined];
const note = () => {
  files += 1;
  if (files === count / 10) first = memory();
  if (files === Number(count)) last = memory();
};
const onCreate = ({ inode }) => inode !== undefined && note();
const options = { signal, onCreate, isUndoneByCaller: true };
const id = '${id(0)}';
const transfers = {
  item: () => downloadItem(client, { itemId: id, into: directory }, options),
  folder: () => downloadFolder(client, { folderId: id, into: directory }, options),
  directory: () =>
    uploadPath(client, { root: directory, path: 'out', to: { folderId: id } }, { signal, onUploaded: note }),
};
const done = await transfers[kind]();
const heapPerFile = (last.heapUsed - first.heapUsed) / (files * 0.9);
console.log(JSON.stringify({ files: done.files, heapPerFile, resident: last.rss - first.rss }));
process.exit();
`;

/** Where it can be, because a disk that others use takes minutes to create so many files. */
function inMemory(): ScratchDirectory {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return new ScratchDirectory('many-files', bavail * bsize > 2 ** 31 ? '/dev/shm' : tmpdir());
}

async function growthOf(
  kind: string,
  count: number,
  place: { girder: LargeGirder; path: string },
): Promise<Growth> {
  const limits = ['--expose-gc', '--max-old-space-size=96', '--max-semi-space-size=1'];
  const given = ['--input-type=module-typescript', '-e', child, place.girder.apiUrl, kind, place.path];
  const { stdout } = await promisify(execFile)(process.execPath, [...limits, ...given, String(count)]);
  return JSON.parse(stdout) as Growth;
}

function assertFlat({ files, heapPerFile, resident }: Growth, count: number): void {
  assert.is(files, count);
  assert.ok(heapPerFile < 100, `${heapPerFile} bytes of heap per file`);
  assert.ok(resident < 24 * 1024 * 1024, `${resident} bytes more of resident memory`);
}

/** Enough to see growth, and for one of them all that a download may have. */
for (const { kind, count, which, filler } of [
  { kind: 'item', count: 190_000, which: 'multi-byte', filler: '長'.repeat(80) },
  { kind: 'item', count: 20_000, which: 'long', filler: 'n'.repeat(190) },
  { kind: 'folder', count: 20_000, which: 'multi-byte', filler: '長'.repeat(80) },
  { kind: 'folder', count: 100_000, which: 'long', filler: 'n'.repeat(190) },
]) {
  test(`${kind} with ${count} files of ${which} names is downloaded in flat memory`, async () => {
    await using girder = await LargeGirder.start(count, (index) => `${index}${filler}`);
    using into = inMemory();
    assertFlat(await growthOf(kind, count, { girder, path: into.path }), count);
  });
}

/** With 100,000 files it passes too, and takes 100 s of CPU. */
test('a directory of 30000 small files is uploaded in flat memory', async () => {
  const count = 30_000;
  await using girder = await LargeGirder.start(0, String);
  using from = inMemory();
  const out = join(from.path, 'out');
  mkdirSync(out);
  for (let file = 0; file < count; file += 1) writeFileSync(join(out, `${file}${'n'.repeat(100)}`), 'tile');
  assertFlat(await growthOf('directory', count, { girder, path: from.path }), count);
  assert.is(girder.stored, count);
});

test.run();
