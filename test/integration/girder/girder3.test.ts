import { truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { downloadFile, downloadFolder } from '../../../src/girder/download/download.ts';
import { GirderJob } from '../../../src/girder/job/reported-job.ts';
import { nearestResource, resourceAt } from '../../../src/girder/lookup.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem } from '../../../src/girder/upload/upload.ts';
import { raceAbort } from '../../../src/support/abort.ts';
import { RunError } from '../../../src/support/errors.ts';
import { cancelJob, logOf, statesOf } from '../../e2e/support/girder-job.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { OwnGirder } from '../../fixtures/own-girder.ts';
import { call, hashFile, Scratch } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

/** The most important uses with a Girder 3; all other tests use the cluster's Girder 5. */

const never = new AbortController().signal;
const mebi = 1024 * 1024;
let girder: OwnGirder;

test.before(async () => {
  girder = await OwnGirder.start();
  // From here on, scratch items, folders and job requests use this Girder.
  Object.assign(process.env, { GIRDER_API_URL: girder.apiUrl, GIRDER_API_KEY: girder.apiKey });
});
test.after(() => girder?.[Symbol.asyncDispose]());

/** As the administrator, through a proxy that injects faults. */
function openThrough(proxy: FaultProxy) {
  return openGirder({ apiUrl: proxy.url, credentials: { apiKey: girder.apiKey }, signal: never });
}

test('the server under test is a Girder 3', async () => {
  await using scratch = await Scratch.make();
  assert.match(String((await call(scratch.admin, 'GET', ['system', 'version']))['release']), /^3\./);
});

test('a download from Girder 3 that breaks is resumed where it broke', async () => {
  await using scratch = await Scratch.make();
  await using proxy = await FaultProxy.start(girder.apiUrl);
  const { path, sha256 } = await scratch.randomFile('original', 3 * mebi);
  const { fileId } = await scratch.upload(path, 'data.bin');
  proxy.fail('GET', '/download', { cutAnswerAfter: 2 * mebi });
  const client = await openThrough(proxy);
  await downloadFile(client, { fileId, into: scratch.directory, filename: 'back' }, { signal: never });
  await client.close();
  assert.is(await hashFile(join(scratch.directory, 'back')), sha256);
  assert.ok(proxy.requests('GET', '/download')[1]?.headers.range !== undefined);
});

test('a folder of Girder 3 is downloaded with everything in it', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, folderId, directory: into } = scratch;
  const sub = await scratch.folder('sub');
  await scratch.folder('empty');
  await scratch.item('one', [['one', '1']]);
  await scratch.item('two', [['a', 'A'], ['b', 'B']], sub); // prettier-ignore
  const { relativePath } = await downloadFolder(admin, { folderId, into }, { signal: never, pageSize: 1 });
  const tree = await readTree(join(into, relativePath));
  assert.equal(tree, { one: '1', empty: null, 'sub/two/a': 'A', 'sub/two/b': 'B' });
});

test('paths of Girder 3 lead to its files, items and folders', async () => {
  await using scratch = await ScratchFolder.make();
  const { admin, name } = scratch;
  const itemId = await scratch.item('ct', [['ct.nrrd', 'bytes']]);
  const slashed = await scratch.folder('a/b');
  const folder = ['user', 'admin', 'Private', name];
  const found = async (...names: string[]) => {
    const { kind, _id } = (await resourceAt(admin, [...folder, ...names], never)) ?? {};
    return [kind, _id];
  };
  assert.equal(await found('ct'), ['item', itemId]);
  assert.equal((await found('ct', 'ct.nrrd'))[0], 'file');
  assert.equal(await found('a/b'), ['folder', slashed]);
  assert.equal(await found('nosuch'), [undefined, undefined]);
  const nearest = await nearestResource(admin, [...folder, 'x', 'y'], never);
  assert.equal([nearest?.length, nearest?.resource._id], [4, scratch.folderId]);
});

test('a key of Girder 3 that may only read is refused for uploads before anything is sent', async () => {
  await using scratch = await Scratch.make();
  const form = { name: 'reads', scope: '["core.data.read"]' };
  const { key, _id } = await call(scratch.admin, 'POST', ['api_key'], form);
  const credentials = { apiKey: String(key) };
  const opening = (needs: ('read' | 'write')[]) =>
    openGirder({ apiUrl: girder.apiUrl, credentials, needs, signal: never });
  await (await opening(['read'])).close();
  const error: unknown = await opening(['read', 'write']).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof RunError && error.reason === 'GirderForbidden', String(error));
  assert.match(error.message, 'lacks the scope core.data.write');
  await call(scratch.admin, 'DELETE', ['api_key', String(_id)]);
});

test('an upload to Girder 3 is a new file, then leaves it unchanged, then replaces it', async () => {
  await using scratch = await Scratch.make();
  const [first, second] = [await scratch.randomFile('first', 64), await scratch.randomFile('second', 65)];
  const uploads = [];
  for (const { path } of [first, first, second]) uploads.push(await scratch.upload(path, 'data.bin'));
  assert.equal(
    uploads.map(({ unchanged }) => unchanged),
    [false, true, false],
  );
  assert.is(new Set(uploads.map(({ fileId }) => fileId)).size, 1);
  assert.equal(await scratch.files(), [{ name: 'data.bin', size: 65 }]);
});

test('an upload of several chunks to Girder 3 that is reset twice ends byte-exact', async () => {
  await using scratch = await Scratch.make();
  await using proxy = await FaultProxy.start(girder.apiUrl);
  const { path, sha256 } = await scratch.randomFile('original', 40 * mebi);
  for (const cutRequestAfter of [100_000, 10 * mebi])
    proxy.fail('POST', '/file/chunk', { cutRequestAfter, reset: true });
  const client = await openThrough(proxy);
  const { fileId } = await scratch.upload(path, 'data.bin', client);
  await client.close();
  await downloadFile(scratch.admin, { fileId, into: scratch.directory, filename: 'back' }, { signal: never });
  assert.is(await hashFile(join(scratch.directory, 'back')), sha256);
  assert.is(await scratch.unfinishedUploads(), 0);
});

/** The number of unfinished uploads that remain after an upload failed in the middle of a chunk. */
async function leftOfFailedUpload(): Promise<number> {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('grows', 40 * mebi);
  await using source = await open(path, 'r+');
  const onProgress = (bytes: number) => {
    if (bytes >= 32 * mebi) truncateSync(path, 40 * mebi + 1);
  };
  const upload = { itemId: scratch.itemId, name: 'data.bin', source, size: 40 * mebi };
  const error = await uploadToItem(scratch.admin, upload, { signal: never, onProgress }).catch(
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RunError && error.reason === 'UploadFailed', String(error));
  assert.equal(await scratch.files(), []);
  return await scratch.unfinishedUploads();
}

test('an upload to Girder 3 that fails in the middle of a chunk leaves nothing there', async () => {
  // A busy Girder 3 may process the chunk for longer than the client waits, and then stores the upload again.
  let left = await leftOfFailedUpload();
  for (let turn = 2; turn <= 3 && left > 0; turn += 1) left = await leftOfFailedUpload();
  assert.is(left, 0);
});

test('a job of Girder 3 receives the states and the log of its run', async () => {
  const made = await girder.makeJob('succeeds');
  const job = await GirderJob.open({ apiUrl: girder.apiUrl, ...made, signal: never });
  await job.start();
  job.sink().write('grün\n');
  job.progress({ message: 'half', current: 1, total: 2 });
  await job.finish({ kind: 'succeeded', message: 'done' });
  assert.equal(await statesOf(made.jobId), [2, 3]);
  assert.is(await logOf(made.jobId), 'grün\ndone\n');
});

test('a cancel in Girder 3 reaches the run', async () => {
  const made = await girder.makeJob('is cancelled');
  const job = await GirderJob.open({ apiUrl: girder.apiUrl, ...made, signal: never });
  await job.start();
  await cancelJob(made.jobId);
  const both = AbortSignal.any([job.cancelled, AbortSignal.timeout(30_000)]);
  const reason: unknown = await raceAbort(new Promise(() => undefined), both).catch(
    (error: unknown) => error,
  );
  assert.ok(reason instanceof RunError && reason.reason === 'CancelledInGirder', String(reason));
  await job.finish({ kind: 'cancelled', message: '' });
  assert.equal(await statesOf(made.jobId), [2, 5]);
});

test.run();
