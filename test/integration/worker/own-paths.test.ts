import { randomUUID } from 'node:crypto';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import * as assert from 'uvu/assert';
import { LiveReport } from '../../../src/worker/progress.ts';
import { runOnce } from '../../../src/worker/run.ts';
import { anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { suite } from '../../fixtures/suite.ts';
import { collector, engineSocket, image, never } from '../docker/engine-under-test.ts';
import { ask, girderEnvironment } from '../girder/real-girder.ts';
import { ScratchFolder } from '../girder/scratch-folder.ts';

type Context = { scratch: ScratchFolder; itemId: string; fileId: string };
type Fields = Record<string, unknown>;

const test = suite<Context>('inputs at paths of their own');
const place = (name: string) => `/opt/tool/${name}`;

test.before.each(async (context) => {
  const scratch = await ScratchFolder.make();
  context.scratch = scratch;
  context.itemId = await scratch.item('ct.nrrd');
  context.fileId = await scratch.file(context.itemId, 'ct.nrrd', 'bytes');
  await ask(scratch.admin, 'PUT', ['item', context.itemId, 'metadata'], { metadata: '{"spacing":2}' });
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

/** Runs a script on the real engine, with its temporary volume below the scratch directory. Returns its output. */
async function run({ directory }: ScratchFolder, script: string, transforms: Fields[]): Promise<string> {
  const { apiUrl, apiKey } = girderEnvironment();
  const spec = specOf({
    ...{ image, imagePullPolicy: 'Never', transforms },
    command: ['sh', '-ec', script],
    args: ['sh', ...transforms.map(({ name }) => `$(${String(name)})`)],
    girder: { apiUrl, credentialsSecretRef: { name: 'girder' } },
  });
  const localPath = join(directory, 'volume');
  await mkdir(localPath, { recursive: true });
  await chmod(localPath, 0o777);
  const volumes = [{ ...temporaryVolume, localPath, hostPath: localPath }];
  const environment = anEnvironment(spec, {
    run: { namespace: 'lab', name: 'own-paths', uid: randomUUID() },
    dockerSocket: engineSocket(),
    spoolDirectory: directory,
    openVolumes: async () => ({ volumes, remove: async () => undefined }),
    girderCredentials: async () => ({ apiKey }),
    cgroupParent: async () => undefined,
  });
  const [stdout, stderr] = [collector(), new PassThrough().resume()];
  const log = pino({ enabled: false });
  await runOnce({ environment, report: new LiveReport(), stdout: stdout.sink, stderr, log, signal: never });
  return stdout.text();
}

test('every kind of input is at its own path, which its name stands for, and in the volume', async (context) => {
  const { scratch, itemId, fileId } = context;
  const volume = temporaryVolume.containerPath;
  const script = `echo "$@"; cat "$1" "$2" "$3/ct.nrrd" "$4" ${volume}/in/ct.nrrd; echo more >> "$1"; cat ${volume}/in/ct.nrrd`;
  const output = await run(scratch, script, [
    {
      name: 'file',
      girderFileIdToVolume: { fileId, filename: 'in/ct.nrrd', containerPath: place('ct.nrrd') },
    },
    { name: 'item', girderItemIdToVolume: { itemId, containerPath: '/item' } },
    { name: 'folder', girderFolderIdToVolume: { folderId: scratch.folderId, containerPath: place('set') } },
    { name: 'meta', girderMetadataToVolume: { itemId, containerPath: '/etc/scan.json' } },
  ]);
  const paths = [place('ct.nrrd'), '/item', place('set'), '/etc/scan.json'];
  assert.is(output, `${paths.join(' ')}\nbytesbytesbytes{"spacing":2}\nbytesbytesmore\n`);
});

test('a file of a downloaded folder has a path of its own by a volumePath', async ({ scratch }) => {
  const output = await run(scratch, 'cat /in.nrrd', [
    { name: 'set', girderFolderIdToVolume: { folderId: scratch.folderId, folderName: 'set' } },
    {
      name: 'one',
      volumePath: { filename: `${scratch.folderId}/set/ct.nrrd`, containerPath: '/in.nrrd' },
    },
  ]);
  assert.is(output, 'bytes');
});

test('a volumePath that the target has to write cannot be mounted, and the message says what to do', async (context) => {
  const out = { name: 'out', volumePath: { filename: 'out/mask', containerPath: '/out/mask' } };
  const failure = await runErrorOf(run(context.scratch, 'true', [out]));
  assert.is(failure.reason, 'InvalidSpec');
  assert.match(
    failure.message,
    /^spec\.transforms: out: it cannot be mounted at \/out\/mask: out does not exist in the volume before the target starts; for what the target writes, use a temporary volume/,
  );
});

test('a link in the volume is not followed, neither at the end of the path nor on the way', async (context) => {
  const { directory } = context.scratch;
  await mkdir(join(directory, 'secret'));
  await writeFile(join(directory, 'secret', 'key'), 'private');
  await mkdir(join(directory, 'volume'));
  await symlink(join(directory, 'secret'), join(directory, 'volume', 'link'));
  for (const filename of ['link', 'link/key']) {
    const one = { name: 'one', volumePath: { filename, containerPath: '/one' } };
    const failure = await runErrorOf(run(context.scratch, 'cat /one /one/key', [one]));
    assert.is(failure.reason, 'InvalidSpec');
    assert.match(failure.message, /link is a symbolic link/);
  }
});

test.run();
