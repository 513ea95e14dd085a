import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { ChunkReceiver } from './support/chunk-receiver.ts';
import { environment } from './support/environment.ts';
import { exampleInputs, numbers } from './support/example-inputs.ts';
import { ExampleRuns } from './support/example-runs.ts';
import { download, filesOf, girder } from './support/girder.ts';
import { Lab, untilReleased } from './support/runs.ts';

/** What the overlay of the local cluster allows. */
const allowed = '/srv/dockerrun';
let lab: Lab;
let runs: ExampleRuns;
let receiver: ChunkReceiver;
let directory: string;
const md5 = createHash('md5').update(numbers).digest('hex');
const token = 'a-token-of-the-receiver';

test.before(async () => {
  lab = await Lab.open('gw-data');
  receiver = await ChunkReceiver.listen(new URL(environment('GIRDER_API_URL')).hostname);
  await lab.secret('receiver', { token });
  directory = await mkdtemp(join(allowed, 'test-'));
  await mkdir(join(directory, 'outbox'));
  runs = new ExampleRuns(lab, await exampleInputs(lab.namespace));
  runs.begin([
    { file: '01-docker-run' },
    { file: '10-girder-file-id-to-volume' },
    { file: '11-girder-item-id-to-volume' },
    { file: '12-girder-folder-id-to-volume' },
    { file: '13-girder-file-id-to-stream' },
    { file: '14-named-output-pipe' },
    { file: '15-container-std-out' },
    {
      file: '16-chunked-transfer-encoding-stream',
      replace: { 'https://receiver.example.org': receiver.origin },
    },
    { file: '17-progress-pipe', replace: { 'sleep 8': untilReleased }, during: showsProgress },
    { file: '38-slicer-progress', replace: { 'sleep 8': untilReleased }, during: showsProgress },
    { file: '20-girder-upload-volume-path-to-item', replace: { '/srv/data': directory } },
    { file: '21-girder-upload-volume-path-to-folder' },
    { file: '22-upload-on-exception' },
    { file: '23-girder-stream-to-item' },
  ]);
});

test.after(async () => {
  await receiver?.[Symbol.asyncDispose]();
  await lab?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function showsProgress(name: string): Promise<void> {
  const { status } = await lab.until(name, 'shows its progress', {
    holds: (run) => run.status.progress?.message === 'halfway there',
    withinMs: 120_000,
  });
  assert.is(status.progress?.percent, 50);
  await lab.release(name);
}

/** The content of each file of an item, by name. */
async function contentsOf(itemId: string): Promise<Record<string, string>> {
  const files = await filesOf(itemId);
  const contents = files.map(async ({ _id, name }) => [name, (await download(_id)).toString()] as const);
  return Object.fromEntries(await Promise.all(contents));
}

type Stored = { _id: string; name: string };

const itemsIn = (folderId: string) => girder<Stored[]>('GET', `item?folderId=${folderId}`);
const foldersIn = (folderId: string) =>
  girder<Stored[]>('GET', `folder?parentType=folder&parentId=${folderId}`);

test('01: the call at the top of the page computes the checksum, reads the stream and uploads the checksum', async () => {
  const { log, itemId } = await runs.succeeded('01-docker-run');
  assert.is(log, '30000\n');
  assert.equal(await contentsOf(itemId), { 'sum.txt': '450015000\n' });
});

test('10: a file of Girder is at its default path, and at the path that filename and volume set', async () => {
  const { log } = await runs.succeeded('10-girder-file-id-to-volume');
  const [plain = '', named] = log.split('\n');
  assert.match(plain, new RegExp(`^${md5}  /mnt/girder_worker/temporary/[0-9a-f]{24}/numbers.txt$`));
  assert.is(named, `${md5}  /mnt/girder_worker/volumes/inputs/in/data.txt`);
});

test('11: an item with two files becomes a directory with both', async () => {
  assert.is((await runs.succeeded('11-girder-item-id-to-volume')).log, './slice-1.txt\n./slice-2.txt\n');
});

test('12: a folder is downloaded with its items and subfolders under the name in folderName', async () => {
  const { log } = await runs.succeeded('12-girder-folder-id-to-volume');
  const [path = '', ...files] = log.trim().split('\n');
  assert.match(path, /^\/mnt\/girder_worker\/temporary\/[0-9a-f]{24}\/cohort$/);
  assert.equal(files, ['./left/lung.txt', './whole.txt']);
});

test('13: every byte of a file arrives through a named pipe', async () => {
  const { log, status } = await runs.succeeded('13-girder-file-id-to-stream');
  assert.match(log, md5);
  assert.is(status.transfers?.find(({ name }) => name === 'stream')?.bytes, numbers.length);
});

test('14: everything written to output pipes that are opened twice is in the log', async () => {
  const { log } = await runs.succeeded('14-named-output-pipe');
  const lines = log.trim().split('\n');
  assert.equal(lines.toSorted(), ['first', 'second', 'warning']);
  assert.ok(lines.indexOf('first') < lines.indexOf('second'));
});

test('15: standard output becomes a file of Girder, and stays in the log with standard error', async () => {
  const { log, itemId } = await runs.succeeded('15-container-std-out');
  assert.equal(log.trim().split('\n').toSorted(), ['1,2.5', 'id,volume', 'measured one']);
  assert.equal(await contentsOf(itemId), { 'volumes.csv': 'id,volume\n1,2.5\n' });
});

test('16: a receiver gets the stream in chunks, with the headers and the token of the Secret', async () => {
  await runs.succeeded('16-chunked-transfer-encoding-stream');
  const [received, ...others] = receiver.received;
  assert.equal(others, []);
  const { method, path, headers = {}, chunks = [] } = received ?? {};
  assert.equal([method, path], ['POST', '/upload?format=text']);
  assert.is(headers['transfer-encoding'], 'chunked');
  assert.is(headers['content-type'], 'text/plain');
  assert.is(headers['x-token'], token);
  assert.ok(chunks.length >= 3, `it came in ${chunks.length} pieces`);
  assert.ok(Buffer.concat(chunks).equals(numbers));
});

test('17: progress is in the status while the target runs', async () => {
  await runs.succeeded('17-progress-pipe');
});

test('38: tags in the output are in the status while the target runs, and not in the log', async () => {
  assert.is((await runs.succeeded('38-slicer-progress')).log, 'smoothed\n');
});

test('20: an upload to an item has the name, type and metadata of the hook', async () => {
  const { itemId, status } = await runs.succeeded('20-girder-upload-volume-path-to-item');
  assert.equal(await contentsOf(itemId), { 'volumes.csv': '1,2.5\n' });
  const [file] = await girder<{ mimeType: string }[]>('GET', `item/${itemId}/files`);
  assert.is(file?.mimeType, 'text/csv');
  assert.equal(await readdir(join(directory, 'outbox')), [], 'what was uploaded is deleted');
  const { meta } = await girder<{ meta: unknown }>('GET', `item/${itemId}`);
  assert.equal(meta, { method: 'threshold', threshold: 0.5 });
  assert.equal(
    status.results?.map(({ hook, name, size }) => ({ hook, name, size })),
    [{ hook: 0, name: 'volumes.csv', size: 6 }],
  );
});

test('21: a directory is uploaded to a folder with its subdirectories, and an optional file may be missing', async () => {
  const { folderId, status } = await runs.succeeded('21-girder-upload-volume-path-to-folder');
  const [item] = await itemsIn(folderId);
  assert.equal(await contentsOf(item?._id ?? ''), { 'whole.txt': 'a\n' });
  const [left] = await foldersIn(folderId);
  assert.is(left?.name, 'left');
  const [lung] = await itemsIn(left?._id ?? '');
  assert.equal(await contentsOf(lung?._id ?? ''), { 'lung.txt': 'b\n' });
  assert.is(status.results?.length, 2);
});

test('22: a run that fails uploads only the results of hooks with when: Always', async () => {
  const { status, itemId } = await runs.ended('22-upload-on-exception');
  assert.is(status.phase, 'Failed');
  assert.is(status.reason, 'TargetFailed');
  assert.is(status.target?.exitCode, 3);
  assert.equal(await contentsOf(itemId), { 'debug.log': 'it went wrong at step 2\n' });
});

test('23: data that is written to a named pipe becomes a file of Girder', async () => {
  const { itemId, status } = await runs.succeeded('23-girder-stream-to-item');
  assert.equal(await contentsOf(itemId), { 'numbers.txt': '1\n2\n3\n4\n5\n6\n7\n8\n9\n' });
  assert.is(status.results?.[0]?.transform, 'out');
});

test.run();
