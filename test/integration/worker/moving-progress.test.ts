import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LiveReport } from '../../../src/worker/progress.ts';
import { stageIn } from '../../../src/worker/stage/stage-in.ts';
import { uploadHook } from '../../../src/worker/stage/stage-out.ts';
import { aContext, aVolume, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { ScratchFolder } from '../girder/scratch-folder.ts';

/** A download requests small files in archives of 100. */
const files = 300;

/** Waits for the work and returns the distinct progress messages that were reported meanwhile. */
async function seen(report: LiveReport, work: Promise<unknown>): Promise<string[]> {
  const messages = new Set<string>();
  const check = () => messages.add(report.snapshot().progress?.message ?? '');
  check();
  const checking = setInterval(check, 5);
  try {
    await work;
  } finally {
    clearInterval(checking);
  }
  return [...messages];
}

test('progress advances while a directory is uploaded and downloaded, although its size is unknown', async () => {
  await using scratch = await ScratchFolder.make();
  const { directory, folderId, admin } = scratch;
  await mkdir(join(directory, 'masks'));
  for (let file = 0; file < files; file += 1)
    await writeFile(join(directory, 'masks', `${file}`), 'x'.repeat(500));
  const volumes = [{ ...temporaryVolume, localPath: directory }, aVolume('data', { localPath: directory })];
  const transforms = [
    { name: 'masks', volumePath: { filename: 'masks' } },
    { name: 'ct', girderFolderIdToVolume: { folderId, volume: 'data' } },
  ];
  const girderResultHooks = [{ girderUploadVolumePathToFolder: { volumePath: 'masks', folderId } }];
  const environment = anEnvironment(specOf({ image: 'busybox', transforms, girderResultHooks }));
  const context = aContext({ environment, volumes });
  const { steps, report } = context;
  const [hook] = steps.hooks;
  assert.ok(hook);
  report.phase = 'Uploading';
  const uploading = await seen(report, uploadHook(context, admin, hook, new Map()));
  const moved = uploading.filter((message) => /^Uploading masks: \d+ files, /.test(message));
  assert.ok(moved.length >= 3, uploading.join('\n'));
  report.phase = 'Preparing';
  const downloading = await seen(report, stageIn(context, admin));
  assert.is(downloading[0], 'Downloading ct');
  const moving = downloading.filter((message) => /^Downloading ct: \d+ files/.test(message));
  assert.ok(moving.length >= 3, downloading.join('\n'));
});

test.run();
