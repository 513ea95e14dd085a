import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { IfExists } from '../../../src/api/hooks.ts';
import { maxReferenceLength } from '../../../src/api/hooks.ts';
import type { GirderClient } from '../../../src/girder/client.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToFolder } from '../../../src/girder/upload/upload.ts';
import { createLogger } from '../../../src/support/log.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { ask, girderEnvironment } from './real-girder.ts';
import { ScratchFolder } from './scratch-folder.ts';

/** Results that a plugin of Girder takes for its input, as HistomicsUI does with annotations. */

type World = { scratch: ScratchFolder; proxy: FaultProxy; client: GirderClient; log: string[] };

const test = suite<World>('taken results');
const signal = new AbortController().signal;
type Document = { _id: string; name: string; reference?: string };

test.before.each(async (world) => {
  const { apiUrl, apiKey } = girderEnvironment();
  const log: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString());
      done();
    },
  });
  const proxy = await FaultProxy.start(apiUrl);
  const options = { apiUrl: proxy.url, credentials: { apiKey }, signal, log: createLogger('warn', sink) };
  Object.assign(world, {
    scratch: await ScratchFolder.make(),
    proxy,
    log,
    client: await openGirder(options),
  });
});
test.after.each(async ({ scratch, proxy, client }) => {
  await client.close();
  await proxy[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

async function itemsIn({ scratch }: World): Promise<Document[]> {
  const { admin, folderId } = scratch;
  return (await ask(admin, 'GET', ['item'], { folderId, sort: '_id' })) as Document[];
}

async function deleteItems(world: World): Promise<void> {
  for (const { _id } of await itemsIn(world)) await ask(world.scratch.admin, 'DELETE', ['item', _id]);
}

type More = { ifExists?: IfExists; metadata?: Record<string, unknown>; reference?: string; size?: number };

async function upload({ scratch, client }: World, { size, ...more }: More) {
  const path = join(scratch.directory, 'out.anot');
  await writeFile(path, 'same');
  if (size !== undefined) await truncate(path, size);
  await using source = await open(path);
  const file = { folderId: scratch.folderId, name: 'out.anot', source, size: size ?? 4, ...more };
  return await uploadToFolder(client, file, { signal });
}

test('with NewItem, an equal result is uploaded again into an item of its own, with its reference', async (world) => {
  const { scratch, proxy } = world;
  const seen: (string | undefined)[] = [];
  const references = ['{"identifier":"x AnnotationFile"}', 'r'.repeat(maxReferenceLength)];
  for (const reference of references) {
    const first = async () => {
      const uploads = (await ask(scratch.admin, 'GET', ['system', 'uploads'], { limit: 0 })) as Document[];
      seen.push(uploads.findLast(({ name }) => name === 'out.anot')?.reference);
    };
    proxy.fail('POST', '/file/chunk', { first });
    assert.is((await upload(world, { ifExists: 'NewItem', reference })).unchanged, false);
  }
  assert.equal(seen, references);
  assert.equal((await itemsIn(world)).map(({ name }) => name), ['out.anot', 'out.anot (1)']); // prettier-ignore
});

test('with NewItem, an item that is deleted before its metadata is set is no failure, and the log says so', async (world) => {
  world.proxy.fail('PUT', '/item/', { first: () => deleteItems(world) });
  const { itemId, size } = await upload(world, { ifExists: 'NewItem', metadata: { a: 1 } });
  assert.is(size, 4);
  assert.equal(await itemsIn(world), []);
  assert.match(world.log.join(''), 'a result was deleted in Girder right after its upload');
  assert.match(world.log.join(''), itemId);
});

test('with NewItem, an item that is deleted before its last bytes are compared is no failure', async (world) => {
  world.proxy.fail('GET', '/download', { first: () => deleteItems(world) });
  await upload(world, { ifExists: 'NewItem', size: 65 * 1024 * 1024 });
  assert.equal(await itemsIn(world), []);
});

test('with Replace, an item that is deleted meanwhile fails the upload', async (world) => {
  world.proxy.fail('PUT', '/item/', { first: () => deleteItems(world) });
  const { message } = await runErrorOf(upload(world, { ifExists: 'Replace', metadata: { a: 1 } }));
  assert.match(message, 'the metadata of item');
});

test('with NewItem, metadata that Girder refuses for an item that exists fails the upload', async (world) => {
  world.proxy.fail('PUT', '/item/', { status: 400, body: '{"message":"no","type":"rest"}' });
  assert.is(
    (await runErrorOf(upload(world, { ifExists: 'NewItem', metadata: { a: 1 } }))).reason,
    'UploadFailed',
  );
});

test.run();
