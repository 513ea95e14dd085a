import { readFile } from 'node:fs/promises';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { ociImage } from '../fixtures/oci-image.ts';
import { Registry } from '../fixtures/registry.ts';
import { exampleInputs } from './support/example-inputs.ts';
import { ExampleRuns } from './support/example-runs.ts';
import { aJob, logOf, statesOf, storedJob } from './support/girder-job.ts';
import { containersOf, Lab } from './support/runs.ts';
import { succeed } from './support/shell.ts';

let lab: Lab;
let runs: ExampleRuns;
let registry: Registry;
let image: string;
let jobId: string;

test.before(async () => {
  lab = await Lab.open('gw-options');
  await Promise.all([privateImage(), girderJob()]);
  await lab.secret('license', { key: '0123456789' });
  runs = new ExampleRuns(lab, await exampleInputs(lab.namespace));
  runs.begin([
    { file: '31-gpu', replace: { 'startDeadlineSeconds: 600': 'startDeadlineSeconds: 35' } },
    { file: '33-deadlines' },
    { file: '02-pull-image-true', replace: { 'registry.example.org/lab/hello:1': image } },
    { file: '03-pull-image-false' },
    { file: '04-entrypoint-and-container-args' },
    { file: '18-stream-connectors' },
    { file: '19-named-pipes' },
    { file: '24-girder-job', replace: { '10b000000000000000000001': jobId } },
    { file: '25-remove-container-false' },
    { file: '26-environment' },
    { file: '27-container-options' },
    { file: '28-resource-limits' },
    { file: '29-network' },
    { file: '32-exit-code' },
  ]);
});

test.after(async () => {
  await lab?.close();
  await registry?.[Symbol.asyncDispose]();
  if (image !== undefined) await succeed('docker', ['image', 'rm', '--force', image]);
});

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

/** The examples whose test is their log alone, each with the expected log. */
const logs: Record<string, string> = {
  '02-pull-image-true': 'pulled\n',
  '03-pull-image-false': 'nothing was pulled\n',
  '04-entrypoint-and-container-args': '3\ntrue\n/mnt/girder_worker/temporary/results/mask.nii\n$(out)\n',
  '18-stream-connectors': 'to a fixed path\n',
  '19-named-pipes': 'through a pipe\nand back\n',
  '26-environment': 'level fine\na key of 10 characters\n',
};

for (const [file, log] of Object.entries(logs)) {
  test(`${file} logs ${JSON.stringify(log)}`, async () => {
    assert.is((await runs.succeeded(file)).log, log);
  });
}

test('24: the job in Girder has the states, the progress and the log of the run', async () => {
  await runs.succeeded('24-girder-job');
  assert.equal(await statesOf(jobId), [2, 3]);
  assert.is(await logOf(jobId), 'hello job\n');
  const { progress } = await storedJob(jobId);
  assert.is(progress?.message, 'at work');
  assert.equal([progress?.current, progress?.total], [3, 4]);
});

test('25: with removeContainer: false the container is kept, and the status names it', async () => {
  const { name, status } = await runs.succeeded('25-remove-container-false');
  const { metadata } = await lab.get(name);
  const id = status.target?.containerID ?? '';
  assert.equal(await containersOf(metadata.uid), [id]);
  await succeed('docker', ['rm', id]);
});

test('27: user, groups, directory, names and the file system are as the options set them', async () => {
  const { log } = await runs.succeeded('27-container-options');
  assert.match(log, /uid=1000.* gid=1000.*2000/);
  // What touch says on stderr may come between any two lines of stdout.
  for (const line of [/^\/tmp$/m, /^target$/m, /Read-only file system$/m, /^can-be-written$/m]) {
    assert.match(log, line);
  }
});

test('28: the limits of open files and of shared memory apply to the target', async () => {
  assert.is((await runs.succeeded('28-resource-limits')).log, '512\n8.0M\n');
});

test('29: host names and name servers are as the options set them', async () => {
  const { log } = await runs.succeeded('29-network');
  for (const line of [/10\.0\.0\.7\s+database/, /nameserver 10\.0\.0\.53/, /search lab\.example\.org/]) {
    assert.match(log, line);
  }
  assert.match(log, 'options ndots:2');
});

test('30: options that reach beyond the container are rejected unless the policy allows them', async () => {
  const refused = { file: '30-options-that-need-the-policy' };
  const text = await readFile(`examples/girder-worker/${refused.file}.yaml`, 'utf8');
  assert.match(await lab.refusalOf(parse(text)), /denied the request: .*spec\.docker\.(ipcMode|capAdd)/i);
});

test('31: a run that needs a GPU which no node has fails at the start deadline', async () => {
  const { status } = await runs.ended('31-gpu');
  assert.is(status.phase, 'Failed');
  assert.is(status.reason, 'StartDeadlineExceeded');
  assert.match(status.message ?? '', 'nvidia.com/gpu');
});

test('32: a non-zero exit code fails the run, and the status shows it', async () => {
  const { name, status } = await runs.ended('32-exit-code');
  assert.is(status.reason, 'TargetFailed');
  assert.is(status.target?.exitCode, 4);
  assert.match((await lab.log(name)).toString(), 'no such subject\n');
});

test('33: a target that runs too long gets SIGTERM, and its last output is in the log', async () => {
  const { name, status } = await runs.ended('33-deadlines');
  assert.is(status.reason, 'ActiveDeadlineExceeded');
  assert.is((await lab.log(name)).toString(), 'begun\ngoodbye\n');
});

test.run();
