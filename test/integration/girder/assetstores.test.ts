import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { type Assetstore, OwnGirder } from '../../fixtures/own-girder.ts';
import { S3Server } from '../../fixtures/s3-server.ts';
import { hashFile, Scratch } from './real-girder.ts';

/** Uploads to Girder with an assetstore other than the file system, which all other tests use. */

const never = new AbortController().signal;
const mebi = 1024 * 1024;
/** The edges of what Girder's S3 assetstore takes in one request: 32 MiB in Girder 3, 64 MiB in Girder 5. */
const sizes = [0, 1, 32 * mebi, 32 * mebi + 1, 40 * mebi, 64 * mebi, 64 * mebi + 1];
/** The edge of its blocks of 2 MiB; the cluster's database is slow. */
const gridFsSizes = [0, 2 * mebi, 5 * mebi + 1];

for (const { kind, version } of [
  { kind: 's3', version: 5 },
  { kind: 's3', version: 3 },
  { kind: 'gridFs', version: 3 },
] as const) {
  const name = `Girder ${version} with ${kind}`;
  const test = suite(name);
  let s3: S3Server | undefined;
  let girder: OwnGirder | undefined;

  test.before(async () => {
    if (kind === 's3') s3 = await S3Server.start();
    const assetstore: Assetstore =
      s3 === undefined ? { kind: 'gridFs' } : { kind: 's3', s3: s3.origin, bucket: s3.bucket };
    girder = await OwnGirder.start({ version, assetstore });
    // From here on, scratch items use this Girder.
    Object.assign(process.env, { GIRDER_API_URL: girder.apiUrl, GIRDER_API_KEY: girder.apiKey });
  });
  test.after(async () => {
    await girder?.[Symbol.asyncDispose]();
    await s3?.[Symbol.asyncDispose]();
  });

  for (const size of kind === 'gridFs' ? gridFsSizes : sizes) {
    test(`a file of ${size} bytes is stored byte for byte, and not sent again`, async () => {
      await using scratch = await Scratch.make();
      const { path, sha256 } = await scratch.randomFile('original', size);
      const { fileId } = await scratch.upload(path, 'big.bin');
      const into = scratch.directory;
      await downloadFile(scratch.admin, { fileId, into, filename: 'back' }, { signal: never });
      assert.is(await hashFile(join(into, 'back')), sha256);
      assert.is((await scratch.upload(path, 'big.bin')).unchanged, true);
      assert.is(await scratch.unfinishedUploads(), 0);
    });
  }

  for (const offset of kind === 'gridFs' ? [] : [0, 64 * mebi]) {
    test(`an upload whose chunk at ${offset} breaks is resumed and stored byte for byte`, async () => {
      await using scratch = await Scratch.make();
      const { path, sha256 } = await scratch.randomFile('original', 80 * mebi);
      await using proxy = await FaultProxy.start(String(girder?.apiUrl));
      const credentials = { apiKey: String(girder?.apiKey) };
      const client = await openGirder({ apiUrl: proxy.url, credentials, signal: never });
      proxy.fail('POST', `offset=${offset}`, { cutRequestAfter: 10 * mebi, reset: false });
      const { fileId } = await scratch.upload(path, 'big.bin', client);
      await client.close();
      assert.is(proxy.requests('POST', `offset=${offset}`).length, 2);
      const into = scratch.directory;
      await downloadFile(scratch.admin, { fileId, into, filename: 'back' }, { signal: never });
      assert.is(await hashFile(join(into, 'back')), sha256);
    });
  }

  test.run();
}
