import { open } from 'node:fs/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { IfExists } from '../../../src/api/hooks.ts';
import { uploadToFolder, uploadToItem } from '../../../src/girder/upload/upload.ts';
import { uploadPath } from '../../../src/girder/upload/upload-path.ts';
import { checkPlaces } from '../../../src/worker/stage/prepare.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { ask, girderEnvironment } from './real-girder.ts';
import { ScratchFolder } from './scratch-folder.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const test = suite<{ scratch: ScratchFolder; itemId: string }>('existing names');
const signal = new AbortController().signal;
const linkUrl = 'https://files.example.org/result.csv';
type Stored = { _id: string; name: string; size: number; mimeType: string; linkUrl?: string };

test.before.each(async (context) => {
  context.scratch = await ScratchFolder.make();
  context.itemId = await context.scratch.item('item');
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

async function filesIn({ admin }: ScratchFolder, itemId: string): Promise<Stored[]> {
  return (await ask(admin, 'GET', ['item', itemId, 'files'])) as Stored[];
}

async function itemsIn({ admin, folderId }: ScratchFolder): Promise<Stored[]> {
  return (await ask(admin, 'GET', ['item'], { folderId, sort: '_id' })) as Stored[];
}

type More = { ifExists?: IfExists; mimeType?: string };

/** Uploads a text as result.csv. */
async function upload(
  { admin, directory }: ScratchFolder,
  to: { itemId: string } | { folderId: string },
  text: string,
  { client = admin, ...more }: More & { client?: ScratchFolder['admin'] } = {},
) {
  const path = join(directory, 'result.csv');
  await writeFile(path, text);
  await using source = await open(path);
  const file = { name: 'result.csv', source, size: text.length, ...more };
  return 'itemId' in to
    ? await uploadToItem(client, { ...file, ...to }, { signal })
    : await uploadToFolder(client, { ...file, ...to }, { signal });
}

for (const size of [undefined, 4, 10]) {
  test(`a link file of the name with size ${size} is replaced by the file`, async ({ scratch, itemId }) => {
    const form = { parentType: 'item', parentId: itemId, name: 'result.csv', linkUrl };
    await ask(scratch.admin, 'POST', ['file'], { ...form, ...(size === undefined ? {} : { size }) });
    const { fileId } = await upload(scratch, { itemId }, 'a,b\n');
    const [file, ...others] = await filesIn(scratch, itemId);
    assert.equal(others, []);
    assert.equal([file?._id, file?.size, file?.linkUrl], [fileId, 4, undefined]);
  });
}

test('a link file in a directory of results is replaced too', async ({ scratch, itemId }) => {
  await scratch.link(itemId, 'result.csv', linkUrl);
  await mkdir(join(scratch.directory, 'out'));
  await writeFile(join(scratch.directory, 'out', 'result.csv'), 'a,b\n');
  await uploadPath(scratch.admin, { root: scratch.directory, path: 'out', to: { itemId } }, { signal });
  const files = await filesIn(scratch, itemId);
  assert.equal(files.map(({ name, size }) => [name, size]), [['result.csv', 4]]); // prettier-ignore
});

test('with NewItem, an item gets another file of the name', async ({ scratch, itemId }) => {
  for (const text of ['1', '1', '22']) await upload(scratch, { itemId }, text, { ifExists: 'NewItem' });
  const files = await filesIn(scratch, itemId);
  assert.equal(files.map(({ name, size }) => [name, size]), [['result.csv', 1], ['result.csv', 1], ['result.csv', 2]]); // prettier-ignore
});

test('with NewItem, an empty file whose answer is lost is stored once', async ({ scratch, itemId }) => {
  const { apiUrl, apiKey } = girderEnvironment();
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal });
  await scratch.file(itemId, 'result.csv', 'x');
  proxy.fail('POST', '/file', { loseAnswer: true });
  await upload(scratch, { itemId }, '', { ifExists: 'NewItem', client });
  await client.close();
  assert.equal((await filesIn(scratch, itemId)).map(({ size }) => size), [1, 0]); // prettier-ignore
});

test('with NewItem, a folder gets another item, which Girder numbers', async ({ scratch }) => {
  const { folderId } = scratch;
  const first = await upload(scratch, { folderId }, '1', { ifExists: 'NewItem' });
  const second = await upload(scratch, { folderId }, '1', { ifExists: 'NewItem' });
  assert.equal((await itemsIn(scratch)).map(({ name }) => name), ['item', 'result.csv', 'result.csv (1)']); // prettier-ignore
  assert.is.not(first.itemId, second.itemId);
  assert.is((await filesIn(scratch, second.itemId))[0]?.name, 'result.csv');
});

test('with Fail, an existing file, link or item fails the upload and stays as it is', async ({
  scratch,
  itemId,
}) => {
  const { folderId } = scratch;
  const linked = await scratch.item('linked');
  await scratch.link(linked, 'result.csv', linkUrl);
  await upload(scratch, { itemId }, '1', { ifExists: 'Fail' });
  await upload(scratch, { folderId }, '1', { ifExists: 'Fail' });
  for (const to of [{ itemId }, { itemId: linked }, { folderId }]) {
    const { reason, message } = await runErrorOf(upload(scratch, to, '22', { ifExists: 'Fail' }));
    assert.is(reason, 'FileExists');
    assert.match(message, '"result.csv"');
  }
  assert.equal((await filesIn(scratch, itemId)).map(({ size }) => size), [1]); // prettier-ignore
  assert.is((await itemsIn(scratch)).length, 3);
});

test('with Fail, an existing name is refused before the target starts', async ({ scratch, itemId }) => {
  await scratch.file(itemId, 'result.csv', 'x');
  await scratch.item('result.csv');
  const { folderId } = scratch;
  const transforms = [{ name: 'out', volumePath: { filename: 'dir/result.csv' } }];
  const log = (filename: string) => ({
    name: 'log',
    connect: {
      input: { containerStdOut: {} },
      output: { girderStreamToItem: { itemId, filename, ifExists: 'Fail' } },
    },
  });
  const check = (spec: Record<string, unknown>) =>
    checkPlaces(
      aContext({ environment: anEnvironment(specOf({ image: 'busybox', ...spec })) }),
      scratch.admin,
    );
  const options = { volumePath: 'out', ifExists: 'Fail' };
  const bad = [
    { transforms, girderResultHooks: [{ girderUploadVolumePathToItem: { ...options, itemId } }] },
    { transforms, girderResultHooks: [{ girderUploadVolumePathToFolder: { ...options, folderId } }] },
    { transforms: [log('result.csv')] },
  ];
  for (const spec of bad) assert.is((await runErrorOf(check(spec))).reason, 'FileExists');
  const named = { ...options, itemId, filename: 'other.csv' };
  await check({ transforms, girderResultHooks: [{ girderUploadVolumePathToItem: named }] });
  await check({ transforms: [log('other.log')] });
});

test('a file has the MIME type of its name, and that of the hook wins', async ({ scratch, itemId }) => {
  await scratch.file(itemId, 'result.csv', 'x');
  const type = async () => (await filesIn(scratch, itemId))[0]?.mimeType;
  assert.is(await type(), 'application/octet-stream');
  const steps = [
    { text: 'x', mimeType: undefined, then: 'text/csv' },
    { text: 'y', mimeType: 'text/x-own', then: 'text/x-own' },
    { text: 'y', mimeType: 'text/x-other', then: 'text/x-other' },
    { text: 'z', mimeType: undefined, then: 'text/x-other' },
  ];
  for (const { text, mimeType, then } of steps) {
    await upload(scratch, { itemId }, text, mimeType === undefined ? {} : { mimeType });
    assert.is(await type(), then);
  }
});

test.run();
