import { randomBytes } from 'node:crypto';
import { type Logger, pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { GirderClient } from '../../../src/girder/client.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { RunError } from '../../../src/support/errors.ts';
import { checkPlaces } from '../../../src/worker/stage/prepare.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { call, girderEnvironment } from './real-girder.ts';
import { ScratchFolder } from './scratch-folder.ts';

const test = suite<{ scratch: ScratchFolder; itemId: string; fileId: string }>('destinations');
const signal = new AbortController().signal;
const silent = pino({ enabled: false });
const unknownId = '5f0c5f0c5f0c5f0c5f0c5f0c';
type Hook = Record<string, unknown>;

test.before.each(async (context) => {
  context.scratch = await ScratchFolder.make();
  context.itemId = await context.scratch.item('item');
  context.fileId = await context.scratch.file(context.itemId, 'file', 'x');
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

const toItem = (itemId: string, more: Hook = {}): Hook => ({
  girderUploadVolumePathToItem: { volumePath: 'temporaryVolume', itemId },
  ...more,
});
const toFolder = (folderId: string): Hook => ({
  girderUploadVolumePathToFolder: { volumePath: 'temporaryVolume', folderId },
});
const stream = (itemId: string): Hook => ({
  name: 'log',
  connect: {
    input: { containerStdOut: {} },
    output: { girderStreamToItem: { itemId, filename: 'log' } },
  },
});

function check(client: GirderClient, parts: { hooks?: Hook[]; streams?: Hook[] }, log: Logger = silent) {
  const { hooks = [], streams = [] } = parts;
  const spec = specOf({ image: 'busybox', transforms: streams, girderResultHooks: hooks });
  return checkPlaces(aContext({ environment: anEnvironment(spec), log }), client);
}

async function refusal(...given: Parameters<typeof check>): Promise<RunError> {
  const thrown: unknown = await check(...given).catch((error: unknown) => error);
  if (thrown instanceof RunError) return thrown;
  throw new Error(`a RunError was expected, not ${String(thrown)}`);
}

/** The client of a new user with read access to the scratch folder, and a function that removes the user. */
async function aReader({ admin, folderId }: ScratchFolder) {
  const login = `u${randomBytes(6).toString('hex')}`;
  const names = { firstName: 'A', lastName: 'Reader', email: `${login}@example.org`, login };
  const user = await call(admin, 'POST', ['user'], { ...names, password: randomBytes(9).toString('hex') });
  const userId = String(user['_id']);
  const access = JSON.stringify({ users: [{ id: userId, level: 0, flags: [] }], groups: [] });
  await call(admin, 'PUT', ['folder', folderId, 'access'], { access });
  const { key } = await call(admin, 'POST', ['api_key'], { targetUserId: userId });
  const { apiUrl } = girderEnvironment();
  const client = await openGirder({ apiUrl, credentials: { apiKey: String(key) }, signal });
  const remove = async () => {
    await client.close();
    await call(admin, 'DELETE', ['user', userId]);
  };
  return { client, remove };
}

test('items and folders that exist and are writable are accepted', async ({ scratch, itemId }) => {
  const hooks = [toItem(itemId), toFolder(scratch.folderId), toItem(itemId)];
  await check(scratch.admin, { hooks, streams: [stream(itemId)] });
});

test('an unknown id is reported as GirderNotFound with its field', async ({ scratch, itemId }) => {
  const item = await refusal(scratch.admin, { hooks: [toItem(itemId), toItem(unknownId)] });
  assert.is(item.reason, 'GirderNotFound');
  const field = 'spec.girderResultHooks[1].girderUploadVolumePathToItem.itemId';
  assert.match(item.sentence, `${field}: there is no item ${unknownId} in Girder ${scratch.admin.apiUrl}. `);
  const folder = await refusal(scratch.admin, { hooks: [toFolder(unknownId)] });
  assert.match(folder.message, 'spec.girderResultHooks[0].girderUploadVolumePathToFolder.folderId: there is');
  const log = await refusal(scratch.admin, { streams: [stream(unknownId)] });
  assert.match(
    log.message,
    'spec.transforms: log.connect.output.girderStreamToItem.itemId: there is no item',
  );
});

test('an id of the wrong kind is reported with the transform or hook to use instead', async ({
  scratch,
  itemId,
  fileId,
}) => {
  const message = async (parts: Parameters<typeof check>[1]) => (await refusal(scratch.admin, parts)).message;
  const { folderId } = scratch;
  assert.match(
    await message({ hooks: [toItem(folderId)] }),
    'that is the id of a folder, so use girderUploadVolumePathToFolder',
  );
  assert.match(
    await message({ hooks: [toFolder(itemId)] }),
    'that is the id of an item, so use girderUploadVolumePathToItem',
  );
  assert.match(await message({ hooks: [toItem(fileId)] }), 'of a file, so use the id of its item');
  assert.match(await message({ streams: [stream(folderId)] }), 'of a folder, so use the id of an item in it');
});

test('an unknown id of an optional hook causes only a warning, unless another hook needs it', async ({
  scratch,
}) => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const optional = toItem(unknownId, { optional: true });
  await check(scratch.admin, { hooks: [optional] }, log);
  assert.is(lines.length, 1);
  assert.match(lines[0] ?? '', 'spec.girderResultHooks[0].girderUploadVolumePathToItem.itemId: there is no');
  const error = await refusal(scratch.admin, { hooks: [optional, toItem(unknownId)] });
  assert.match(error.message, 'spec.girderResultHooks[1]');
});

test('missing write access is reported before the target runs', async ({ scratch, itemId }) => {
  const { client, remove } = await aReader(scratch);
  try {
    for (const hook of [toFolder(scratch.folderId), toItem(itemId)]) {
      const error = await refusal(client, { hooks: [hook] });
      assert.is(error.reason, 'GirderForbidden');
      assert.match(error.message, /^spec\.girderResultHooks\[0\]\..* no write access to (item|folder) /);
    }
  } finally {
    await remove();
  }
});

test.run();
