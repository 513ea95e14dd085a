import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeName } from '../cluster/network.ts';
import { ociImage } from '../fixtures/oci-image.ts';
import { Registry } from '../fixtures/registry.ts';
import { exampleInputs } from './support/example-inputs.ts';
import { type Ended, ExampleRuns } from './support/example-runs.ts';
import { aJob, logOf, statesOf, storedJob } from './support/girder-job.ts';
import { containersOf, Lab } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/** What the overlay of the local cluster allows. */
const allowed = '/srv/dockerrun';
let lab: Lab;
let runs: ExampleRuns;
let registry: Registry;
let image: string;
let directory: string;
let jobId: string;

test.before(async () => {
  lab = await Lab.open('gw-options');
  directory = await mkdtemp(join(allowed, 'test-'));
  await Promise.all([hostFiles(), sharedClaim(), privateImage(), girderJob()]);
  await lab.secret('license', { key: '0123456789' });
  runs = new ExampleRuns(lab, await exampleInputs(lab.namespace));
  const replace = { '/srv/data': directory };
  runs.begin([
    { file: '31-gpu', replace: { 'startDeadlineSeconds: 600': 'startDeadlineSeconds: 15' } },
    { file: '33-deadlines' },
    { file: '02-pull-image-true', replace: { 'registry.example.org/lab/hello:1': image } },
    { file: '03-pull-image-false' },
    { file: '04-entrypoint-and-container-args' },
    { file: '05-volumes-dict', replace },
    { file: '06-bind-mount-volume', replace },
    { file: '07-temporary-volume' },
    { file: '08-temporary-volume-host-dir', replace },
    { file: '09-temporary-volume-default' },
    { file: '18-stream-connectors' },
    { file: '19-named-pipes' },
    { file: '24-girder-job', replace: { '10b000000000000000000001': jobId } },
    { file: '25-remove-container-false' },
    { file: '26-environment' },
    { file: '27-container-options' },
    { file: '28-resource-limits' },
    { file: '29-network' },
    { file: '30-options-that-need-the-policy' },
    { file: '32-exit-code' },
    { file: '34-direct-path', replace },
    { file: '35-persistent-volume-claim' },
  ]);
});

test.after(async () => {
  await lab.close();
  await registry[Symbol.asyncDispose]();
  await succeed('docker', ['image', 'rm', '--force', image]);
  await succeed('kubectl', ['delete', 'persistentvolume', lab.namespace, '--ignore-not-found']);
  await rm(directory, { recursive: true, force: true });
});

async function hostFiles(): Promise<void> {
  const files = {
    'atlas/labels.txt': '1 left lung\n',
    'study/subject-1.txt': '',
    'assetstore/3f/a1/3fa1c0ffee': 'a slide',
    'claim/models/unet.txt': 'weights\n',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

/** A claim of the namespace for a directory of the node. */
async function sharedClaim(): Promise<void> {
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
  await mkdir(join(directory, 'claim'), { recursive: true });
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

async function privateImage(): Promise<void> {
  registry = await Registry.start();
  const files = { busybox: await readFile('/bin/busybox') };
  image = await registry.push('lab/hello', ociImage(files, ['/busybox', 'echo', 'pulled']));
  await applied({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'registry' },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': registry.dockerConfig() },
  });
}

async function girderJob(): Promise<void> {
  const job = await aJob({ title: 'an example' });
  jobId = job.jobId;
  await lab.secret('girder-job', { token: job.token });
}

async function applied(manifest: unknown): Promise<void> {
  const { code, stderr } = await lab.apply(manifest);
  assert.is(code, 0, stderr);
}

async function succeeded(file: string): Promise<Ended & { log: string }> {
  const ended = await runs.ended(file);
  assert.is(ended.status.phase, 'Succeeded', `${file}: ${ended.status.message}`);
  return { ...ended, log: (await lab.log(ended.name)).toString() };
}

/** The files of the examples that only have to say something, and what that is. */
const logs: Record<string, string> = {
  '02-pull-image-true': 'pulled\n',
  '03-pull-image-false': 'nothing was pulled\n',
  '04-entrypoint-and-container-args': '3\ntrue\n/mnt/girder_worker/temporary/results/mask.nii\n$(out)\n',
  '05-volumes-dict': '1 left lung\n',
  '18-stream-connectors': 'to a fixed path\n',
  '19-named-pipes': 'through a pipe\nand back\n',
  '26-environment': 'level fine\na key of 10 characters\n',
  '34-direct-path': '7 /mnt/girder_direct_worker/3f/a1/3fa1c0ffee\n',
};

for (const [file, log] of Object.entries(logs)) {
  test(`${file} says ${JSON.stringify(log)}`, async () => {
    assert.is((await succeeded(file)).log, log);
  });
}

test('06: a bind mount is read and written at the path of the container', async () => {
  const { log } = await succeeded('06-bind-mount-volume');
  assert.match(log, 'subject-1.txt\n');
  assert.is(await readFile(join(directory, 'study/listing.txt'), 'utf8'), log);
});

test('07: any user can write to a temporary volume', async () => {
  const { log } = await succeeded('07-temporary-volume');
  assert.match(log, /^kept\ndrwxrws?rwx .* \/mnt\/girder_worker\/volumes\/scratch\n$/);
});

test('08: a temporary volume in a directory of the node is made there and removed', async () => {
  const { log } = await succeeded('08-temporary-volume-host-dir');
  assert.is(log, 'kept\n/mnt/girder_worker/volumes/scratch\n');
  assert.equal(await readdir(join(directory, 'fast-disk')), []);
});

test('09: the volume that every run has is where a path without a volume is', async () => {
  const { log } = await succeeded('09-temporary-volume-default');
  assert.is(log, '/mnt/girder_worker/temporary/out/sum.txt\n');
});

test('24: the job in Girder has the states, the progress and the log of the run', async () => {
  await succeeded('24-girder-job');
  assert.equal(await statesOf(jobId), [2, 3]);
  assert.is(await logOf(jobId), 'hello job\n');
  const { progress } = await storedJob(jobId);
  assert.is(progress?.message, 'at work');
  assert.equal([progress?.current, progress?.total], [3, 4]);
});

test('25: a container that is not to be removed is kept, and the status names it', async () => {
  const { name, status } = await succeeded('25-remove-container-false');
  const { metadata } = await lab.get(name);
  const id = status.target?.containerID ?? '';
  assert.equal(await containersOf(metadata.uid), [id]);
  await succeed('docker', ['rm', id]);
});

test('27: user, groups, directory, names and the file system are as the options say', async () => {
  const { log } = await succeeded('27-container-options');
  assert.match(log, /uid=1000.* gid=1000.*2000/);
  assert.match(log, '\n/tmp\ntarget\n');
  assert.match(log, 'Read-only file system');
  assert.match(log, 'can-be-written\n');
});

test('28: limits of files and of shared memory hold for the target', async () => {
  assert.is((await succeeded('28-resource-limits')).log, '512\n8.0M\n');
});

test('29: names and name servers are as the options say', async () => {
  const { log } = await succeeded('29-network');
  for (const line of [/10\.0\.0\.7\s+database/, /nameserver 10\.0\.0\.53/, /search lab\.example\.org/]) {
    assert.match(log, line);
  }
  assert.match(log, 'options ndots:2');
});

test('30: options that reach beyond the container are refused until the policy allows them', async () => {
  const { status } = await runs.ended('30-options-that-need-the-policy');
  assert.is(status.phase, 'Failed');
  assert.is(status.reason, 'DockerOptionNotAllowed');
  assert.match(status.message ?? '', /spec\.docker\.(ipcMode|capAdd)/);
});

test('31: a GPU that no node has is told after the start deadline', async () => {
  const { status } = await runs.ended('31-gpu');
  assert.is(status.phase, 'Failed');
  assert.is(status.reason, 'StartDeadlineExceeded');
  assert.match(status.message ?? '', 'nvidia.com/gpu');
});

test('32: an exit code fails the run, which shows it', async () => {
  const { name, status } = await runs.ended('32-exit-code');
  assert.is(status.reason, 'TargetFailed');
  assert.is(status.target?.exitCode, 4);
  assert.match((await lab.log(name)).toString(), 'no such subject\n');
});

test('33: a target that takes too long is asked to stop, and its last words are in the log', async () => {
  const { name, status } = await runs.ended('33-deadlines');
  assert.is(status.reason, 'ActiveDeadlineExceeded');
  assert.is((await lab.log(name)).toString(), 'begun\ngoodbye\n');
});

test('35: a claim is read and written, and what is written stays', async () => {
  assert.is((await succeeded('35-persistent-volume-claim')).log, 'weights\n');
  assert.is(await readFile(join(directory, 'claim/result.txt'), 'utf8'), 'a result that stays\n');
});

test.run();
