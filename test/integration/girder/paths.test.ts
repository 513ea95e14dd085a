import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { FoundPlaces } from '../../../src/girder/lookup.ts';
import { RunError } from '../../../src/support/errors.ts';
import { planRun } from '../../../src/worker/plan.ts';
import { checkPlaces } from '../../../src/worker/stage/prepare.ts';
import { stageIn } from '../../../src/worker/stage/stage-in.ts';
import { uploadHook } from '../../../src/worker/stage/stage-out.ts';
import { specOf } from '../../fixtures/builders.ts';
import { aContext, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { ask, call } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

type Context = { scratch: ScratchFolder; at: string; itemId: string; fileId: string };
type Fields = Record<string, unknown>;

const test = suite<Context>('paths in Girder');
const silent = pino({ enabled: false });
const unknownId = '5f0c5f0c5f0c5f0c5f0c5f0c';

test.before.each(async (context) => {
  const scratch = await ScratchFolder.make();
  const { login } = await call(scratch.admin, 'GET', ['user', 'me']);
  context.scratch = scratch;
  context.at = `/user/${String(login)}/Private/${scratch.name}`;
  context.itemId = await scratch.item('ct.nrrd');
  context.fileId = await scratch.file(context.itemId, 'ct.nrrd', 'bytes');
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

const hook = (kind: 'Item' | 'Folder', to: Fields, more: Fields = {}): Fields => ({
  [`girderUploadVolumePathTo${kind}`]: { volumePath: 'out', ...to },
  ...more,
});

type Parts = { transforms?: Fields[]; hooks?: Fields[]; log?: Logger };

/** A run in the scratch directory; its output is at `out`. */
function aRun({ scratch }: Context, { transforms = [], hooks = [], log = silent }: Parts) {
  const out = { name: 'out', volumePath: { filename: 'out' } };
  const spec = specOf({ image: 'busybox', transforms: [out, ...transforms], girderResultHooks: hooks });
  const environment = anEnvironment(spec);
  const volumes = [{ ...temporaryVolume, localPath: scratch.directory }];
  const steps = planRun({ ...spec, transforms: [out], girderResultHooks: [] }, volumes);
  const checked = { environment, volumes, log, steps };
  return {
    check: () => checkPlaces(aContext(checked), scratch.admin),
    with: (found: FoundPlaces) => aContext({ ...checked, steps: planRun(spec, volumes, undefined, found) }),
  };
}

async function refusal(context: Context, parts: Parts): Promise<RunError> {
  const thrown: unknown = await aRun(context, parts)
    .check()
    .catch((error: unknown) => error);
  if (thrown instanceof RunError) return thrown;
  throw new Error(`a RunError was expected, not ${String(thrown)}`);
}

async function stage(context: Context, ...transforms: Fields[]) {
  const run = aRun(context, { transforms });
  return stageIn(run.with(await run.check()), context.scratch.admin);
}

async function upload(context: Context, hooks: Fields[], result: string | null = 'result'): Promise<void> {
  if (result !== null) await writeFile(join(context.scratch.directory, 'out'), result);
  const run = aRun(context, { hooks });
  const opened = run.with(await run.check());
  for (const step of opened.steps.hooks) await uploadHook(opened, context.scratch.admin, step, new Map());
}

const file = (name: string, path: string, more: Fields = {}) => ({
  name,
  girderFileIdToVolume: { path, ...more },
});

test('files, items, folders and streams are found by their paths', async (context) => {
  const { scratch, at, itemId, fileId } = context;
  const stream = {
    name: 'live',
    connect: {
      input: { girderFileIdToStream: { path: `${at}/ct.nrrd/ct.nrrd` } },
      output: { namedInputPipe: { name: 'pipe' } },
    },
  };
  const { paths, files } = await stage(
    context,
    file('file', `${at}/ct.nrrd/ct.nrrd`, { filename: 'named' }),
    { name: 'item', girderItemIdToVolume: { path: `${at}/ct.nrrd` } },
    { name: 'folder', girderFolderIdToVolume: { path: at, folderName: 'all' } },
    stream,
  );
  assert.equal(await readTree(scratch.directory), {
    named: 'bytes',
    [`${itemId}/ct.nrrd`]: 'bytes',
    [`${scratch.folderId}/all/ct.nrrd`]: 'bytes',
  });
  assert.equal(Object.fromEntries(paths), {
    file: 'named',
    item: `${itemId}/ct.nrrd`,
    folder: `${scratch.folderId}/all`,
  });
  assert.is(files.get(fileId)?.name, 'ct.nrrd');
});

test('a document that one input names by its id and another by its path is downloaded once', async (context) => {
  const { at, itemId } = context;
  const byId = { name: 'id', girderItemIdToVolume: { itemId } };
  const { paths } = await stage(context, byId, {
    name: 'path',
    girderItemIdToVolume: { path: `${at}/ct.nrrd` },
  });
  assert.is(paths.get('id'), paths.get('path'));
});

test('names with slashes, backslashes and other characters are found as Girder writes their paths', async (context) => {
  const { scratch, at } = context;
  for (const name of ['a/b', 'c\\d', 'ü 100% & ?#+', '..x', "it's"]) {
    const folderId = await scratch.folder(name);
    const girders = (await ask(scratch.admin, 'GET', ['resource', folderId, 'path'], {
      type: 'folder',
    })) as string;
    const run = aRun(context, { transforms: [{ name: 'in', girderFolderIdToVolume: { path: girders } }] });
    assert.equal((await run.check()).get(girders), { id: folderId, kind: 'folder' }, name);
  }
  const slashed = `${at}/a\\/b`;
  const run = aRun(context, { transforms: [{ name: 'in', girderFolderIdToVolume: { path: slashed } }] });
  assert.ok('id' in ((await run.check()).get(slashed) ?? {}), 'a slash after a backslash is one of the name');
});

test('a path in a collection is found too', async (context) => {
  const { admin, name } = context.scratch;
  const collection = await call(admin, 'POST', ['collection'], { name });
  try {
    const form = { parentType: 'collection', parentId: String(collection['_id']), name: 'scans' };
    const folder = await call(admin, 'POST', ['folder'], form);
    const path = `/collection/${name}/scans`;
    const run = aRun(context, { hooks: [hook('Folder', { path })] });
    assert.equal((await run.check()).get(path), { id: folder['_id'], kind: 'folder' });
  } finally {
    const resources = JSON.stringify({ collection: [collection['_id']] });
    await ask(admin, 'DELETE', ['resource'], { resources });
  }
});

test('a path that ends on its way is reported with the part that exists', async (context) => {
  const { scratch, at } = context;
  const error = await refusal(context, { transforms: [file('ct', `${at}/nosuch/deep/ct.nrrd`)] });
  assert.is(error.reason, 'GirderNotFound');
  const start = `transform ct: there is no file ${at}/nosuch/deep/ct.nrrd in Girder ${scratch.admin.apiUrl}`;
  assert.is(error.message, `${start} that the run may read: it ends at ${at}, which has no "nosuch"`);
  const [collection, user] = [`/collection/nosuch-${scratch.name}/x`, `/user/nosuch-${scratch.name}/x`];
  const text = async (path: string) => (await refusal(context, { transforms: [file('ct', path)] })).message;
  assert.match(await text(collection), `the collection "nosuch-${scratch.name}" does not exist`);
  assert.match(await text(user), `the user "nosuch-${scratch.name}" does not exist`);
});

test('a path to another kind is reported with what it is and what to use', async (context) => {
  const { at } = context;
  const text = async (parts: Parts) => (await refusal(context, parts)).message;
  const item = `${at}/ct.nrrd`;
  assert.is(
    await text({ transforms: [file('ct', item)] }),
    `transform ct: ${item} is the path of an item, not of a file, so use girderItemIdToVolume`,
  );
  assert.is(
    await text({ hooks: [hook('Item', { path: at })] }),
    `spec.girderResultHooks[0].girderUploadVolumePathToItem.path: ${at} is the path of a folder, not of an item, so use girderUploadVolumePathToFolder`,
  );
  assert.match(
    await text({ hooks: [hook('Item', { path: `${item}/ct.nrrd` })] }),
    'use the path of its item',
  );
  assert.match(
    await text({ hooks: [hook('Folder', { path: item, createFolder: true })] }),
    `${item} is the path of an item, not of a folder`,
  );
});

test('a path that two files have is refused, because Girder would take either', async (context) => {
  const { scratch, at, itemId } = context;
  await scratch.file(itemId, 'ct.nrrd', 'other');
  const error = await refusal(context, { transforms: [file('ct', `${at}/ct.nrrd/ct.nrrd`)] });
  assert.is(error.reason, 'GirderNotFound');
  assert.match(error.message, 'is the path of more than one file; use the id of one of them');
});

test('every input and destination that is wrong is reported in one message, in the order of the spec', async (context) => {
  const { at, itemId } = context;
  const { reason, message } = await refusal(context, {
    transforms: [
      { name: 'a', girderFileIdToVolume: { fileId: unknownId } },
      { name: 'fine', girderItemIdToVolume: { itemId } },
      { name: 'b', girderItemIdToVolume: { path: `${at}/nosuch` } },
      { name: 'c', girderFolderIdToVolume: { folderId: itemId } },
    ],
    hooks: [hook('Item', { itemId: unknownId })],
  });
  assert.is(reason, 'GirderNotFound');
  assert.match(message, /^4 inputs or destinations in Girder cannot be used: transform a: there is no file/);
  const order = ['transform a:', 'transform b:', 'transform c:', 'spec.girderResultHooks[0]'];
  const places = order.map((part) => message.indexOf(part));
  assert.equal(
    places,
    places.toSorted((x, y) => x - y),
  );
  assert.not.match(message, 'fine');
});

test('of very many mistakes a message lists some and counts the others', async (context) => {
  const transforms = Array.from({ length: 60 }, (_, index) => ({
    name: `t${index}`,
    girderFileIdToVolume: { fileId: `5f0c5f0c5f0c5f0c5f0c5f${String(index).padStart(2, '0')}` },
  }));
  const { message } = await refusal(context, { transforms });
  assert.match(message, /^60 inputs or destinations/);
  assert.match(message, /; and 52 more$/);
});

test('a missing folder is created level by level, right before there is something to upload', async (context) => {
  const { scratch, at } = context;
  const path = `${at}/runs/a\\-b/masks`;
  const to = hook('Folder', { path, createFolder: true });
  await upload(context, [{ ...to, optional: true }], null);
  const names = async () =>
    (await call(scratch.admin, 'GET', ['folder', scratch.folderId, 'details']))['nFolders'];
  assert.is(await names(), 0, 'without a result no folder is left');
  await upload(context, [to, to]);
  const run = aRun(context, { transforms: [file('back', `${path}/out/out`)] });
  assert.ok('id' in ((await run.check()).get(`${path}/out/out`) ?? {}));
  await upload(context, [to], 'another result');
  assert.is(await names(), 1);
});

test('a folder is created for a whole directory too', async (context) => {
  const { scratch, at } = context;
  const out = join(scratch.directory, 'out');
  await mkdir(join(out, 'deep'), { recursive: true });
  await writeFile(join(out, 'deep', 'mask'), 'x');
  await upload(context, [hook('Folder', { path: `${at}/new`, createFolder: true })], null);
  const path = `${at}/new/deep/mask/mask`;
  const run = aRun(context, { transforms: [file('back', path)] });
  assert.ok('id' in ((await run.check()).get(path) ?? {}));
});

test('a missing folder without createFolder fails at the start', async (context) => {
  const error = await refusal(context, { hooks: [hook('Folder', { path: `${context.at}/runs` })] });
  assert.match(error.message, `it ends at ${context.at}, which has no "runs"`);
});

test('a folder that one hook creates exists for the others', async (context) => {
  const path = `${context.at}/runs`;
  const hooks = [hook('Folder', { path }), hook('Folder', { path, createFolder: true })];
  await upload(context, hooks);
});

test('a folder cannot be created in an item or in a collection that does not exist', async (context) => {
  const { at } = context;
  const text = async (path: string) =>
    (await refusal(context, { hooks: [hook('Folder', { path, createFolder: true })] })).message;
  assert.match(await text(`${at}/ct.nrrd/deep/er`), `cannot be created in ${at}/ct.nrrd, which is an item`);
  assert.match(
    await text('/collection/nosuch-collection/x'),
    'the collection "nosuch-collection" does not exist',
  );
});

test('an optional hook whose path leads nowhere fails only if there is something to upload', async (context) => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const path = `${context.at}/nosuch`;
  const hooks = [hook('Item', { path }, { optional: true })];
  const found = await aRun(context, { hooks, log }).check();
  assert.ok('problem' in (found.get(path) ?? {}));
  assert.match(lines[0] ?? '', 'there is no item');
  await upload(context, hooks, null);
  const thrown: unknown = await upload(context, hooks).catch((error: unknown) => error);
  assert.ok(thrown instanceof RunError && thrown.reason === 'GirderNotFound', String(thrown));
});

test.run();
