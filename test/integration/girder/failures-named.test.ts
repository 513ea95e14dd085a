import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { RunError } from '../../../src/support/errors.ts';
import { stageIn } from '../../../src/worker/stage/stage-in.ts';
import { uploadHook } from '../../../src/worker/stage/stage-out.ts';
import { aContext, aVolume, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { ScratchFolder } from './scratch-folder.ts';

const test = suite<{ scratch: ScratchFolder; itemId: string; fileId: string }>(
  'failures that name their transform or hook',
);
const unknownId = '5f0c5f0c5f0c5f0c5f0c5f0c';

test.before.each(async (context) => {
  context.scratch = await ScratchFolder.make();
  context.itemId = await context.scratch.item('item');
  context.fileId = await context.scratch.file(context.itemId, 'file', 'x');
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

/** The context of a run with these transforms and hooks in a volume that is the scratch directory. */
function contextIn({ directory }: ScratchFolder, parts: { transforms?: unknown[]; hooks?: unknown[] }) {
  const volumes = [{ ...temporaryVolume, localPath: directory }, aVolume('data', { localPath: directory })];
  const { transforms = [], hooks = [] } = parts;
  const spec = specOf({ image: 'busybox', transforms, girderResultHooks: hooks });
  return aContext({ environment: anEnvironment(spec), volumes });
}

/** The message of the error with which staging these transforms fails. */
async function staging(scratch: ScratchFolder, ...transforms: unknown[]): Promise<string> {
  const error = await runErrorOf(stageIn(contextIn(scratch, { transforms }), scratch.admin));
  assert.is(error.reason, 'GirderNotFound');
  return error.message;
}

/** The error with which uploading the results fails. */
function uploading(scratch: ScratchFolder, upload: Record<string, unknown>): Promise<RunError> {
  const transforms = [{ name: 'mask', volumePath: { filename: 'mask' } }];
  const hooks = [{ girderUploadVolumePathToItem: { volumePath: 'mask', ...upload } }];
  const context = contextIn(scratch, { transforms, hooks });
  const [step] = context.steps.hooks;
  assert.ok(step);
  return runErrorOf(uploadHook(context, scratch.admin, step, new Map()));
}

test('a missing input is reported with its transform', async ({ scratch }) => {
  const ct = { name: 'ct', girderFileIdToVolume: { fileId: unknownId } };
  const where = `there is no file ${unknownId} in Girder ${scratch.admin.apiUrl}`;
  assert.is(await staging(scratch, ct), `transform ct: ${where}`);
  assert.is(await staging(scratch, ct, { ...ct, name: 'same' }), `transforms ct, same: ${where}`);
});

test('an input with an id of the wrong kind is reported with the transform to use instead', async ({
  scratch,
  itemId,
  fileId,
}) => {
  const file = (id: string) => ({ name: 'ct', girderFileIdToVolume: { fileId: id } });
  const item = (id: string) => ({ name: 'ct', girderItemIdToVolume: { itemId: id } });
  const stream = (id: string) => ({
    name: 'ct',
    connect: {
      input: { girderFileIdToStream: { fileId: id } },
      output: { namedInputPipe: { name: 'pipe' } },
    },
  });
  const { folderId } = scratch;
  assert.match(
    await staging(scratch, file(itemId)),
    '; that is the id of an item, so use girderItemIdToVolume',
  );
  assert.match(await staging(scratch, file(folderId)), 'the id of a folder, so use girderFolderIdToVolume');
  assert.match(await staging(scratch, item(fileId)), 'the id of a file, so use girderFileIdToVolume');
  assert.match(await staging(scratch, stream(itemId)), /^transform ct: .* so use the id of its file$/);
});

test('an upload that Girder refuses is reported with its hook', async ({ scratch, itemId }) => {
  await writeFile(join(scratch.directory, 'mask'), 'x');
  const missing = await uploading(scratch, { itemId: unknownId });
  assert.is(missing.reason, 'GirderNotFound');
  assert.match(missing.sentence, `Hook 0 (mask): there is no item ${unknownId}`);
  const strange = await uploading(scratch, { itemId, metadata: { 'a.b': 1 } });
  assert.match(
    strange.message,
    'hook 0 (mask): the metadata cannot be stored: Girder does not accept the key "a.b"',
  );
});

test('a filename for a path that is a directory is reported with its hook', async ({ scratch, itemId }) => {
  const upload = { volumePath: 'temporaryVolume', itemId, filename: 'a' };
  const error = await uploading(scratch, upload);
  assert.is(error.reason, 'InvalidSpec');
  assert.match(error.message, /^hook 0 \(temporaryVolume\): filename a applies to a file/);
});

test.run();
