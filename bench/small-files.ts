/**
 * Uploads and downloads a folder of small files with DockerRun's code and with Girder's own client for Python,
 * in turn, and prints the times and their ratios. Girder's CPU is the bound, so run it on a quiet machine:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/small-files.ts PYTHON [files] [rounds]
 *
 * PYTHON is a Python that has girder-client, such as that of the test cluster's Girder.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadFolder } from '../src/girder/download/download.ts';
import { uploadPath } from '../src/girder/upload/upload-path.ts';
import { ScratchFolder } from '../test/integration/girder/scratch-folder.ts';

const [python = 'python3', files = '2000', rounds = '3'] = process.argv.slice(2);
const never = new AbortController().signal;
const name = 'small';

/** Arguments: what to do, the folder in Girder, the local directory. Prints seconds without Python's start. */
const girderClient = `
import contextlib, io, os, sys, time, girder_client
what, folder, path = sys.argv[1:]
gc = girder_client.GirderClient(apiUrl=os.environ['GIRDER_API_URL'])
gc.authenticate(apiKey=os.environ['GIRDER_API_KEY'])
start = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    gc.upload(path, folder) if what == 'up' else gc.downloadFolderRecursive(folder, path)
print(time.perf_counter() - start)
`;

function runGirderClient(what: 'up' | 'down', folderId: string, path: string): number {
  return Number(execFileSync(python, ['-c', girderClient, what, folderId, path], { encoding: 'utf8' }));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function measure(source: string): Promise<{ up: number; down: number }> {
  await using scratch = await ScratchFolder.make();
  const { admin: client, directory: into } = scratch;
  const [ours, theirs] = [await scratch.folder('ours'), await scratch.folder('theirs')];
  const upload = { root: source, path: name, to: { folderId: ours } };
  const download = { folderId: ours, into };
  const theirUp = runGirderClient('up', theirs, join(source, name));
  const ourUp = await seconds(() => uploadPath(client, upload, { signal: never }));
  const theirDown = runGirderClient('down', ours, await mkdtemp(join(into, 'theirs-')));
  const ourDown = await seconds(() => downloadFolder(client, download, { signal: never }));
  const show = (one: number, other: number) =>
    `${one.toFixed(1)} s, girder-client ${other.toFixed(1)} s: ${(other / one).toFixed(2)} times its speed`;
  console.log(`up ${show(ourUp, theirUp)}; down ${show(ourDown, theirDown)}`);
  return { up: theirUp / ourUp, down: theirDown / ourDown };
}

function median(values: readonly number[]): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN).toFixed(2);
}

const source = await mkdtemp(join(tmpdir(), 'small-files-'));
try {
  mkdirSync(join(source, name));
  for (let file = 0; file < Number(files); file += 1)
    writeFileSync(join(source, name, `tile-${file}.txt`), `tile ${file} ${'x'.repeat(file % 500)}`);
  const ratios = [];
  for (let round = 0; round < Number(rounds); round += 1) ratios.push(await measure(source));
  const [up, down] = [ratios.map((ratio) => ratio.up), ratios.map((ratio) => ratio.down)];
  console.log(
    `${files} files, median of ${rounds}: up ${median(up)}, down ${median(down)} times girder-client`,
  );
} finally {
  await rm(source, { recursive: true, force: true });
}
