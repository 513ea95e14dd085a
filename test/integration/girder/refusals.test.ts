import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { truncateSync } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem } from '../../../src/girder/upload/upload.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { call, girderEnvironment, Scratch } from './real-girder.ts';

const never = new AbortController().signal;
const mebi = 1024 * 1024;
const unknownId = '5f0c5f0c5f0c5f0c5f0c5f0c';

async function keyOf(scratch: Scratch, userId: string, more: Record<string, string> = {}): Promise<string> {
  const key = await call(scratch.admin, 'POST', ['api_key'], { targetUserId: userId, ...more });
  return String(key['key']);
}

for (const fileId of [unknownId, 'not-an-id']) {
  test(`a download of the unknown file ${fileId} fails with GirderNotFound and leaves nothing`, async () => {
    await using scratch = await Scratch.make();
    const target = { fileId, into: scratch.directory };
    const error = await runErrorOf(downloadFile(scratch.admin, target, { signal: never }));
    assert.is(error.reason, 'GirderNotFound');
    assert.match(error.message, `there is no file ${fileId} in Girder ${scratch.admin.apiUrl}`);
    assert.equal(await readdir(scratch.directory), []);
  });
}

test('an upload to an unknown item fails with GirderNotFound', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('data', 10);
  await using source = await open(path);
  const upload = { itemId: unknownId, name: 'data', source, size: 10 };
  const error = await runErrorOf(uploadToItem(scratch.admin, upload, { signal: never }));
  assert.is(error.reason, 'GirderNotFound');
  assert.match(error.sentence, `There is no item ${unknownId} in Girder`);
});

test('a wrong API key fails with GirderUnauthorized, and the key is not in the error', async () => {
  const { apiUrl } = girderEnvironment();
  const apiKey = randomBytes(20).toString('hex');
  const error = await runErrorOf(openGirder({ apiUrl, credentials: { apiKey }, signal: never }));
  assert.is(error.reason, 'GirderUnauthorized');
  assert.not.match(JSON.stringify(error) + error.stack + String(error.cause), apiKey);
});

test('a wrong token fails with GirderUnauthorized at once, although Girder itself ignores it', async () => {
  const { apiUrl } = girderEnvironment();
  const token = randomBytes(32).toString('hex');
  const error = await runErrorOf(openGirder({ apiUrl, credentials: { token }, signal: never }));
  assert.is(error.reason, 'GirderUnauthorized');
  assert.not.match(String(error.stack), token);
});

test('a user without access gets GirderForbidden', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('data', 10);
  const { fileId } = await scratch.upload(path, 'data');
  const login = `u${randomBytes(6).toString('hex')}`;
  const names = { firstName: 'No', lastName: 'Access', email: `${login}@example.org`, login };
  const user = await call(scratch.admin, 'POST', ['user'], {
    ...names,
    password: randomBytes(9).toString('hex'),
  });
  const { apiUrl } = girderEnvironment();
  try {
    const apiKey = await keyOf(scratch, String(user['_id']));
    const other = await openGirder({ apiUrl, credentials: { apiKey }, signal: never });
    const reading = runErrorOf(downloadFile(other, { fileId, into: scratch.directory }, { signal: never }));
    assert.is((await reading).reason, 'GirderForbidden');
    assert.match((await reading).message, `no read access to file ${fileId}`);
    const writing = await runErrorOf(scratch.upload(path, 'mine', other));
    assert.is(writing.reason, 'GirderForbidden');
    await other.close();
  } finally {
    await call(scratch.admin, 'DELETE', ['user', String(user['_id'])]);
  }
});

test('an id that is a path is refused before any request', async () => {
  await using scratch = await Scratch.make();
  const target = { fileId: '../user/me', into: scratch.directory };
  const error = await runErrorOf(downloadFile(scratch.admin, target, { signal: never }));
  assert.is(error.reason, 'GirderNotFound');
});

test('a filename that leaves the volume fails with InvalidSpec', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('data', 10);
  const { fileId } = await scratch.upload(path, 'data');
  for (const filename of ['../x', '/etc/x', 'a//b', '.']) {
    const target = { fileId, into: scratch.directory, filename };
    const error = await runErrorOf(downloadFile(scratch.admin, target, { signal: never }));
    assert.is(error.reason, 'InvalidSpec', filename);
  }
});

test('an address without a Girder fails with GirderUnavailable at once, and the message names the cause', async () => {
  const server = createServer((_, response) => response.writeHead(404).end('<h2>404 Not Found</h2>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
  const error = await runErrorOf(openGirder({ apiUrl, credentials: { apiKey: 'k' }, signal: never }));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.is(error.reason, 'GirderUnavailable');
  assert.match(error.message, `the server at ${apiUrl} returned 404, and it is not a Girder API`);
});

test('a file that grows or shrinks during its upload fails with UploadFailed and leaves nothing in Girder', async () => {
  await using scratch = await Scratch.make();
  for (const [name, newSize] of [
    ['grown', 40 * mebi + 1],
    ['shrunk', 39 * mebi],
  ] as const) {
    const { path } = await scratch.randomFile(name, 40 * mebi);
    await using source = await open(path, 'r+');
    let isChanged = false;
    const onProgress = (bytes: number) => {
      if (bytes < 32 * mebi || isChanged) return;
      isChanged = true;
      truncateSync(path, newSize);
    };
    const upload = { itemId: scratch.itemId, name, source, size: 40 * mebi };
    const error = await runErrorOf(uploadToItem(scratch.admin, upload, { signal: never, onProgress }));
    assert.is(error.reason, 'UploadFailed');
    assert.match(
      error.message,
      `${name} changed while it was being uploaded: it had ${40 * mebi} bytes, now ${newSize}`,
    );
    assert.equal(await scratch.files(), []);
    assert.is(await scratch.unfinishedUploads(), 0);
  }
});

test('a volume without enough space fails with DownloadFailed in one sentence, and nothing is left on it', async () => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('data', 8 * mebi);
  const { fileId } = await scratch.upload(path, 'data');
  const into = join(scratch.directory, 'small');
  await mkdir(into);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', into]);
  try {
    const error = await runErrorOf(downloadFile(scratch.admin, { fileId, into }, { signal: never }));
    assert.is(error.reason, 'DownloadFailed');
    assert.match(error.message, 'there is no space left on the volume (ENOSPC)');
    assert.equal(await readdir(into), []);
  } finally {
    execFileSync('umount', [into]);
  }
});

test.run();
