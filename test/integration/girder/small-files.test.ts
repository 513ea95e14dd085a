import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFolder } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadPath } from '../../../src/girder/upload/upload-path.ts';
import type { FileTraits } from '../../../src/girder/upload/upload-tree.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { ask, girderEnvironment } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

const never = new AbortController().signal;

/** A folder of the real Girder behind a proxy that counts requests and injects faults. */
async function stage() {
  const { apiUrl, apiKey } = girderEnvironment();
  const scratch = await ScratchFolder.make();
  const proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal: never });
  const { directory, folderId } = scratch;
  return {
    scratch,
    proxy,
    client,
    upload: (traits: FileTraits = {}) => {
      const given = { root: directory, path: 'out', to: { folderId }, ...traits };
      return uploadPath(client, given, { signal: never });
    },
    download: async (through = client) => {
      const target = { folderId, into: directory, folderName: 'back' };
      await downloadFolder(through, target, { signal: never });
      return readTree(join(directory, folderId, 'back'));
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await proxy[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** Writes files `0`, `1`… below `out`, and returns their contents as a download should have them. */
function write(directory: string, count: number, below = ''): Record<string, string> {
  mkdirSync(join(directory, 'out', below), { recursive: true });
  const names = Array.from({ length: count }, (_, index) => join(below, String(index)));
  for (const name of names) writeFileSync(join(directory, 'out', name), `contents of ${name}`);
  return Object.fromEntries(names.map((name) => [name, `contents of ${name}`]));
}

test('a small file costs one request up, and a hundredth of a request down', async () => {
  await using at = await stage();
  const { directory } = at.scratch;
  const expected = { ...write(directory, 150), ...write(directory, 150, 'sub') };
  const opened = at.proxy.seen.length;
  await at.upload();
  const uploaded = at.proxy.seen.length;
  assert.is(at.proxy.requests('POST', '/file?').length, 300);
  assert.ok(uploaded - opened <= 300 + 20, `${uploaded - opened} requests for 300 files up`);
  assert.equal(await at.download(), expected);
  const downloaded = at.proxy.seen.length - uploaded;
  assert.ok(downloaded <= 20, `${downloaded} requests for 300 files down`);
});

test('a small file is stored once when the response to it is lost, or Girder is overloaded', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 12);
  at.proxy.fail('POST', 'name=3&', { loseAnswer: true });
  at.proxy.fail('POST', 'name=5&', { status: 503 });
  at.proxy.fail('POST', 'name=7&', { status: 429, headers: { 'retry-after': '1' } });
  at.proxy.fail('POST', 'name=9&', { cutRequestAfter: 4, reset: false });
  const { files } = await at.upload();
  assert.is(files, 12);
  assert.equal(await at.download(at.scratch.admin), expected);
});

test('a small file that must not replace any is stored once when the response to it is lost', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 3);
  at.proxy.fail('POST', 'name=1&', { loseAnswer: true });
  await at.upload({ ifExists: 'Fail' });
  assert.equal(await at.download(at.scratch.admin), expected);
});

test('a small file whose length a proxy refuses is sent in chunks', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 3);
  for (const _ of ['as an item', 'as a file']) at.proxy.fail('POST', 'name=1&', { status: 413 });
  await at.upload();
  assert.is(at.proxy.requests('POST', '/file/chunk').length, 1);
  assert.equal(await at.download(at.scratch.admin), expected);
});

test('a file goes into the item that another client creates with its name at the same time', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 12);
  const { admin, folderId } = at.scratch;
  const first = () => ask(admin, 'POST', ['item'], { folderId, name: '4' });
  at.proxy.fail('POST', 'name=4&', { first });
  await at.upload();
  assert.equal(await at.download(at.scratch.admin), expected);
});

test('a broken, refused or foreign archive leads to the same files', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 150);
  await at.upload();
  at.proxy.fail('GET', '/resource/download', { cutAnswerAfter: 2000 });
  at.proxy.fail('GET', '/resource/download', { status: 200, body: 'not an archive' });
  assert.equal(await at.download(), expected);
});

test('link files, and items of no or of several files, are downloaded as ever from among small ones', async () => {
  await using at = await stage();
  const expected = write(at.scratch.directory, 10);
  await at.upload();
  const linkUrl = `${girderEnvironment().apiUrl}/system/version`;
  await at.scratch.link(await at.scratch.item('link'), 'link', linkUrl);
  await at.scratch.item('empty');
  await at.scratch.item('two', [
    ['two', '1'],
    ['other', '2'],
  ]);
  const { link, ...rest } = await at.download();
  assert.equal(rest, { ...expected, empty: null, 'two/two': '1', 'two/other': '2' });
  assert.match(link ?? '', /^\{/);
});

test.run();
