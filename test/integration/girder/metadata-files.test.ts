import { execFileSync } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { planRun } from '../../../src/worker/plan.ts';
import { uploadHook } from '../../../src/worker/stage/stage-out.ts';
import { aContext, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { call } from './real-girder.ts';
import { ScratchFolder } from './scratch-folder.ts';

/** Uploads `out` with the metadata in `meta.json`. Returns the metadata of its item, or why it failed. */
async function upload(scratch: ScratchFolder, optional = false): Promise<unknown> {
  const itemId = await scratch.item(`results-${Math.random()}`);
  await writeFile(join(scratch.directory, 'out'), 'result');
  const metadata = { by: 'spec' };
  const to = { volumePath: 'out', itemId, metadata, metadataFile: 'meta.json' };
  const spec = specOf({
    image: 'busybox',
    transforms: [{ name: 'out', volumePath: { filename: 'out' } }],
    girderResultHooks: [{ girderUploadVolumePathToItem: to, optional }],
  });
  const volumes = [{ ...temporaryVolume, localPath: scratch.directory }];
  const steps = planRun(spec, volumes);
  const context = aContext({ environment: anEnvironment(spec), volumes, steps });
  const [hook] = steps.hooks;
  if (hook === undefined) throw new Error('the spec has a hook');
  const failure = await uploadHook(context, scratch.admin, hook, new Map()).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure !== undefined) return failure;
  return (await call(scratch.admin, 'GET', ['item', itemId]))['meta'];
}

const write = (scratch: ScratchFolder, text: string) => writeFile(join(scratch.directory, 'meta.json'), text);

test('the object in a file of the target becomes metadata of the item, after that of the spec', async () => {
  await using scratch = await ScratchFolder.make();
  await write(scratch, JSON.stringify({ dice: 0.93, by: 'target', nested: { list: [1, 'ü'] } }));
  assert.equal(await upload(scratch), { dice: 0.93, by: 'spec', nested: { list: [1, 'ü'] } });
});

test('metadata of 200 KiB arrives whole', async () => {
  await using scratch = await ScratchFolder.make();
  const text = 'x'.repeat(200 * 1024);
  await write(scratch, JSON.stringify({ text }));
  assert.equal(await upload(scratch), { text, by: 'spec' });
});

test('a file of metadata that is missing fails the hook, unless it is optional', async () => {
  await using scratch = await ScratchFolder.make();
  const failure = await upload(scratch);
  assert.instance(failure, RunError);
  assert.is((failure as RunError).reason, 'OutputMissing');
  assert.match(
    (failure as RunError).message,
    /metadataFile \/mnt\/girder_worker\/temporary\/meta\.json .* exist/,
  );
  assert.equal(await upload(scratch, true), { by: 'spec' });
});

for (const [what, make, sentence] of [
  ['a link out of the volume', (at: string) => symlink('/etc/passwd', at), /symbolic link/],
  ['a named pipe', (at: string) => execFileSync('mkfifo', [at]), /named pipe/],
  ['text that is not JSON', (at: string) => writeFile(at, '{"a":'), /not a JSON object/],
  ['a list', (at: string) => writeFile(at, '[1]'), /not a JSON object/],
  ['a key that Girder does not store', (at: string) => writeFile(at, '{"a.b": 1}'), /"a\.b"/],
  ['more than 256 KiB', (at: string) => writeFile(at, ' '.repeat(300_000)), /more than 262144 bytes/],
  [
    'deep nesting',
    (at: string) => writeFile(at, `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    /nested more than/,
  ],
] as const) {
  test(`a file of metadata that is ${what} fails the hook`, async () => {
    await using scratch = await ScratchFolder.make();
    await make(join(scratch.directory, 'meta.json'));
    const failure = await upload(scratch);
    assert.instance(failure, RunError);
    assert.is((failure as RunError).reason, 'OutputUnsafe');
    assert.match((failure as RunError).message, sentence);
  });
}

test.run();
