import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import * as assert from 'uvu/assert';
import { planRun } from '../../../src/worker/plan.ts';
import { checkPlaces } from '../../../src/worker/stage/prepare.ts';
import { stageIn } from '../../../src/worker/stage/stage-in.ts';
import { aContext, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { suite } from '../../fixtures/suite.ts';
import { ask, call } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

type Context = { scratch: ScratchFolder; at: string; itemId: string };
type Fields = Record<string, unknown>;

const test = suite<Context>('metadata as input files');
const silent = pino({ enabled: false });
/** With its keys in the order in which Girder returns them. */
const metadata = { scan: { at: null, ü: true }, spacing: [0.5, 0.5, 1.25], species: 'human' };

test.before.each(async (context) => {
  const scratch = await ScratchFolder.make();
  const { login } = await call(scratch.admin, 'GET', ['user', 'me']);
  context.scratch = scratch;
  context.at = `/user/${String(login)}/Private/${scratch.name}`;
  context.itemId = await scratch.item('ct.nrrd', [['ct.nrrd', 'bytes']]);
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

const describeAs = (scratch: ScratchFolder, kind: 'item' | 'folder', id: string, value: Fields) =>
  ask(scratch.admin, 'PUT', [kind, id, 'metadata'], { metadata: JSON.stringify(value) });

/** Looks the inputs up and stages them in the scratch directory, as a run does. */
async function stage({ admin, directory }: ScratchFolder, ...inputs: Fields[]) {
  const transforms = inputs.map((given, index) => ({ name: `in-${index}`, ...given }));
  const environment = anEnvironment(specOf({ image: 'busybox', transforms }));
  const volumes = [{ ...temporaryVolume, localPath: directory }];
  const checking = aContext({
    environment,
    volumes,
    log: silent,
    steps: planRun(specOf({ image: 'a' }), volumes),
  });
  const found = await checkPlaces(checking, admin);
  const steps = planRun(environment.spec, volumes, undefined, found);
  return stageIn(aContext({ environment, volumes, log: silent, steps }), admin);
}

const ofMetadata = (girderMetadataToVolume: Fields) => ({ girderMetadataToVolume });

test('the metadata of an item and of a folder become JSON files, by id and by path', async (context) => {
  const { scratch, at, itemId } = context;
  await describeAs(scratch, 'item', itemId, metadata);
  await describeAs(scratch, 'folder', scratch.folderId, { study: 7 });
  const { paths } = await stage(
    scratch,
    ofMetadata({ itemId }),
    ofMetadata({ path: `${at}/ct.nrrd`, filename: 'meta/item.json' }),
    ofMetadata({ folderId: scratch.folderId }),
    ofMetadata({ path: at, filename: 'meta/folder.json' }),
    // The same path as an input of one kind only.
    { girderItemIdToVolume: { path: `${at}/ct.nrrd` } },
  );
  assert.equal(await readTree(scratch.directory), {
    [`${itemId}.metadata.json`]: `${JSON.stringify(metadata)}\n`,
    'meta/item.json': `${JSON.stringify(metadata)}\n`,
    [`${scratch.folderId}.metadata.json`]: '{"study":7}\n',
    'meta/folder.json': '{"study":7}\n',
    [`${itemId}/ct.nrrd`]: 'bytes',
  });
  assert.equal([...paths.values()].toSorted(), Object.keys(await readTree(scratch.directory)).toSorted());
});

test('an item without metadata has a file with an empty object', async ({ scratch, itemId }) => {
  await stage(scratch, ofMetadata({ itemId, filename: 'meta.json' }));
  assert.is(await readFile(join(scratch.directory, 'meta.json'), 'utf8'), '{}\n');
});

test('metadata of a megabyte arrives whole', async ({ scratch, itemId }) => {
  const parts = Array.from({ length: 8 }, (_, part) => [`part-${part}`, 'x'.repeat(128 * 1024)] as const);
  for (const [key, text] of parts) await describeAs(scratch, 'item', itemId, { [key]: text });
  await stage(scratch, ofMetadata({ itemId, filename: 'meta.json' }));
  const text = await readFile(join(scratch.directory, 'meta.json'), 'utf8');
  assert.equal(JSON.parse(text), Object.fromEntries(parts));
});

test('an id of another kind fails before the target starts, with the field to use', async (context) => {
  const { scratch, at, itemId } = context;
  const byWrongField = await runErrorOf(stage(scratch, ofMetadata({ folderId: itemId })));
  assert.is(byWrongField.reason, 'GirderNotFound');
  assert.match(byWrongField.message, /^transform in-0: .* the id of an item, so use itemId$/);
  const ofFile = await runErrorOf(stage(scratch, ofMetadata({ path: `${at}/ct.nrrd/ct.nrrd` })));
  assert.match(
    ofFile.message,
    /^transform in-0: .* is the path of a file, not of a folder, so use the path of its item$/,
  );
});

test('a file of that name that exists is not replaced, and fails the run', async ({ scratch, itemId }) => {
  await stage(scratch, ofMetadata({ itemId, filename: 'meta.json' }));
  const again = await runErrorOf(
    stage(scratch, ofMetadata({ folderId: scratch.folderId, filename: 'meta.json' })),
  );
  assert.is(again.reason, 'FileExists');
  assert.match(
    again.message,
    new RegExp(`the metadata of folder ${scratch.folderId}: meta.json already exists`),
  );
  assert.equal(await readTree(scratch.directory), { 'meta.json': '{}\n' });
});

test.run();
