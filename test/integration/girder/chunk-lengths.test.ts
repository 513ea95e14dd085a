import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { RunError } from '../../../src/support/errors.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { OwnGirder } from '../../fixtures/own-girder.ts';
import { Nginx } from '../../fixtures/nginx.ts';
import { ask, hashFile, Scratch } from './real-girder.ts';

const never = new AbortController().signal;
const mebi = 1024 * 1024;
const size = 100 * mebi;
let girder: OwnGirder;

test.before(async () => {
  // Its minimum is changed, which would disturb the cluster's Girder.
  girder = await OwnGirder.start({ version: 5 });
  Object.assign(process.env, { GIRDER_API_URL: girder.apiUrl, GIRDER_API_KEY: girder.apiKey });
});
test.after(() => girder?.[Symbol.asyncDispose]());

/** Uploads a file with this minimum of Girder, through nginx if it has a limit, and checks what Girder then has. */
async function lengthsOf({ least = 5, bodySize = '0' }: { least?: number; bodySize?: string }) {
  await using scratch = await Scratch.make();
  const value = String(least * mebi);
  await ask(scratch.admin, 'PUT', ['system', 'setting'], { key: 'core.upload_minimum_chunk_size', value });
  await using nginx = await Nginx.start(girder.apiUrl, bodySize);
  await using proxy = await FaultProxy.start(`${nginx.origin}/api/v1`);
  const client = await openGirder({
    apiUrl: proxy.url,
    credentials: { apiKey: girder.apiKey },
    signal: never,
  });
  const { path, sha256 } = await scratch.randomFile('original', size);
  const uploaded = await scratch.upload(path, 'big.bin', client).catch((error: unknown) => error);
  await client.close();
  const lengths = proxy
    .requests('POST', '/file/chunk')
    .map(({ headers }) => Number(headers['content-length']) / mebi);
  assert.is(await scratch.unfinishedUploads(), 0);
  if (uploaded instanceof Error) {
    assert.equal(await scratch.files(), []);
    return { lengths, error: uploaded };
  }
  const { fileId } = uploaded as { fileId: string };
  const into = scratch.directory;
  await downloadFile(scratch.admin, { fileId, into, filename: 'back' }, { signal: never });
  assert.is(await hashFile(`${into}/back`), sha256);
  return { lengths, error: undefined };
}

test('a Girder that wants chunks of at least 48 MiB takes a file of 100 MiB', async () => {
  const { lengths, error } = await lengthsOf({ least: 48 });
  assert.is(error, undefined);
  assert.equal(lengths, [64, 36]);
});

test('a Girder that wants larger chunks than any client sends gets larger ones', async () => {
  const { lengths, error } = await lengthsOf({ least: 80 });
  assert.is(error, undefined);
  assert.equal(lengths, [64, 100]);
});

test('behind an nginx that limits bodies to 10 MiB, the chunks are shortened until they pass', async () => {
  const { lengths, error } = await lengthsOf({ bodySize: '10m' });
  assert.is(error, undefined);
  // A length is sent again when the connection broke before the refusal was read.
  assert.equal([...new Set(lengths)].slice(0, 4), [64, 32, 16, 8]);
});

test('behind an nginx whose limit is below Girder’s minimum, the upload fails and names both', async () => {
  const { error } = await lengthsOf({ bodySize: '1m' });
  assert.instance(error, RunError);
  assert.is((error as RunError).reason, 'UploadFailed');
  assert.match(error?.message ?? '', 'a proxy in front of it refuses');
  assert.match(error?.message ?? '', 'Girder refuses chunks of');
});

test.run();
