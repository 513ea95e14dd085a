import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { nodeName } from '../cluster/network.ts';
import { exampleInputs } from './support/example-inputs.ts';
import { ExampleRuns } from './support/example-runs.ts';
import { Lab } from './support/runs.ts';
import { execute, succeed } from './support/shell.ts';

/** What the overlay of the local cluster allows. */
const allowed = '/srv/dockerrun';
/** A volume of Docker that the policy of the local cluster allows. */
const cache = `dockerrun-test-${randomBytes(6).toString('hex')}`;
let lab: Lab;
let runs: ExampleRuns;
let directory: string;

test.before(async () => {
  lab = await Lab.open('gw-volumes');
  directory = await mkdtemp(join(allowed, 'test-'));
  await hostFiles();
  await sharedClaim();
  runs = new ExampleRuns(lab, await exampleInputs(lab.namespace));
  const replace = { '/srv/data': directory };
  runs.begin([
    { file: '05-volumes-dict', replace },
    { file: '06-bind-mount-volume', replace },
    { file: '07-temporary-volume' },
    { file: '08-temporary-volume-host-dir', replace },
    { file: '09-temporary-volume-default' },
    { file: '34-direct-path', replace },
    { file: '35-persistent-volume-claim' },
    { file: '36-girder-metadata-to-volume' },
    { file: '37-named-volume', replace: { 'volumeName: pip-cache': `volumeName: ${cache}` } },
  ]);
});

test.after(async () => {
  await lab?.close();
  const volume = ['persistentvolume', `${lab?.namespace}`, '--ignore-not-found'];
  await succeed('kubectl', ['delete', ...volume]);
  await execute('docker', ['volume', 'rm', '--force', cache]);
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function hostFiles(): Promise<void> {
  const files = {
    'atlas/labels.txt': '1 left lung\n',
    'study/subject-1.txt': '',
    'assetstore/3f/a1/3fa1c0ffee': 'a slide',
    'claim/models/unet.txt': 'weights\n',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

/** Creates a claim in the namespace for a directory of the node. */
async function sharedClaim(): Promise<void> {
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
  const here = { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] };
  await applied({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: lab.namespace },
    spec: {
      ...common,
      capacity: { storage: '1Mi' },
      local: { path: join(directory, 'claim') },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      persistentVolumeReclaimPolicy: 'Retain',
    },
  });
  await applied({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shared' },
    spec: { ...common, resources: { requests: { storage: '1Mi' } }, volumeName: lab.namespace },
  });
}

async function applied(manifest: unknown): Promise<void> {
  const { code, stderr } = await lab.apply(manifest);
  assert.is(code, 0, stderr);
}

test('05: a directory of the volumes dictionary is mounted at the path in the dictionary', async () => {
  assert.is((await runs.succeeded('05-volumes-dict')).log, '1 left lung\n');
});

test('06: the target reads and writes a bind mount at its containerPath', async () => {
  const { log } = await runs.succeeded('06-bind-mount-volume');
  assert.match(log, 'subject-1.txt\n');
  assert.is(await readFile(join(directory, 'study/listing.txt'), 'utf8'), log);
});

test('07: any user can write to a temporary volume', async () => {
  const { log } = await runs.succeeded('07-temporary-volume');
  assert.match(log, /^kept\ndrwxrws?rwx .* \/mnt\/girder_worker\/volumes\/scratch\n$/);
});

test('08: a temporary volume in a directory of the node is created there and removed', async () => {
  const { log } = await runs.succeeded('08-temporary-volume-host-dir');
  assert.is(log, 'kept\n/mnt/girder_worker/volumes/scratch\n');
  assert.equal(await readdir(join(directory, 'fast-disk')), []);
});

test('09: a path without a volume is in the temporary volume that every run has', async () => {
  const { log } = await runs.succeeded('09-temporary-volume-default');
  assert.is(log, '/mnt/girder_worker/temporary/out/sum.txt\n');
});

test('34: a file of a mounted assetstore is read without a download', async () => {
  const { log, status } = await runs.succeeded('34-direct-path');
  assert.is(log, '7 /mnt/girder_direct_worker/3f/a1/3fa1c0ffee\n');
  assert.is(status.transfers, undefined);
});

test('35: the target reads and writes a claim, and what it writes is kept', async () => {
  assert.is((await runs.succeeded('35-persistent-volume-claim')).log, 'weights\n');
  assert.is(await readFile(join(directory, 'claim/result.txt'), 'utf8'), 'a result that stays\n');
});

test('36: the metadata of an item is a JSON file at a path of its own', async () => {
  const { log } = await runs.succeeded('36-girder-metadata-to-volume');
  assert.is(log, '{"modality":"CT"}\nslice-1.txt\nslice-2.txt\n');
});

test('37: a volume of Docker is created with the label of its run, and stays', async () => {
  assert.is((await runs.succeeded('37-named-volume')).log, 'cached\n');
  const label = '{{ index .Labels "dockerrun.dev/run" }}';
  const { stdout } = await execute('docker', ['volume', 'inspect', '--format', label, cache]);
  assert.match(stdout.toString(), new RegExp(`^${lab.namespace}/`));
});

test.run();
