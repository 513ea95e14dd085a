import * as assert from 'uvu/assert';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { until } from '../fixtures/until.ts';
import { concurrentTest } from './support/concurrent-tests.ts';
import { containersOf, Lab, patienceMs, type StoredRun, untilReleased } from './support/runs.ts';
import { workerPid } from './support/worker-process.ts';

const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('lifecycle');
});
test.after(() => lab.close());

const goneSeconds = 120;

/** A target that ignores SIGTERM, and is killed soon after it. */
const stubborn = { command: ['sleep', '300'], terminationGracePeriodSeconds: 1 };

/** A target that exits with a code on SIGTERM. */
const obedient = (code: number) => [
  'sh',
  '-c',
  `trap "exit ${code}" TERM; echo trapped; while :; do sleep 0.1; done`,
];

/** Waits until an obedient target has set its trap: before that, it ignores the signal. */
async function obeying(name: string): Promise<StoredRun> {
  const run = await lab.running(name);
  await until('the trap is set', async () => (await lab.output(name)).includes('trapped'), {
    withinMs: patienceMs,
  });
  return run;
}

async function untilGone(runUid: string): Promise<void> {
  const options = { holds: ({ length }: string[]) => length === 0, withinMs: goneSeconds * 1_000 };
  await until(`no container of run ${runUid} is left`, () => containersOf(runUid), options);
}

test('deleting a DockerRun stops its target with SIGTERM and removes it', async () => {
  await lab.run('deleted', {
    command: obedient(0),
    // With SIGKILL alone the container would not be deleted in time.
    terminationGracePeriodSeconds: 3 * goneSeconds,
  });
  const { metadata } = await obeying('deleted');
  await lab.kubectl('delete', 'dockerrun', 'deleted');
  await untilGone(metadata.uid);
});

test('the target of a killed worker is stopped, and the next attempt starts clean', async () => {
  await lab.run('killed', {
    command: [
      'sh',
      '-c',
      `if [ -e $(temporaryVolume)/x ]; then exit 9; fi; touch $(temporaryVolume)/x; ${untilReleased}`,
    ],
    backoffLimit: 1,
  });
  const first = await lab.running('killed');
  const { status, metadata } = first;
  const firstContainer = status.target?.containerID ?? '';
  process.kill(await workerPid(lab, status.podName ?? ''), 'SIGKILL');
  await lab.running('killed', first);
  assert.not.ok((await containersOf(metadata.uid)).includes(firstContainer));
  await lab.release('killed', first);
  const end = await lab.ended('killed');
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attempts, 2);
  await untilGone(metadata.uid);
  recordObservation({
    fault: 'The worker is killed while its target runs, with backoffLimit 1',
    seen: `${end.phase} in ${end.attempts} attempts`,
    left: '0 containers; attempt 2 starts with an empty temporary volume',
  });
});

test('a worker that is killed in the last attempt fails the run as WorkerLost and leaves no container', async () => {
  await lab.run('lost', stubborn);
  const { status, metadata } = await lab.running('lost');
  process.kill(await workerPid(lab, status.podName ?? ''), 'SIGKILL');
  const end = await lab.ended('lost');
  assert.is(end.reason, 'WorkerLost');
  await untilGone(metadata.uid);
  recordObservation({
    fault: 'The worker is killed while its target runs, in the last attempt',
    seen: `${end.phase} with ${end.reason}`,
    left: '0 containers',
  });
});

test('a failing target is retried up to backoffLimit times', async () => {
  await lab.run('retried', { command: ['false'], backoffLimit: 1 });
  const status = await lab.ended('retried', 120);
  assert.is(status.reason, 'TargetFailed');
  assert.is(status.attempts, 2);
});

test('deleting the Job of a run ends the run', async () => {
  await lab.run('jobless', stubborn);
  const { status, metadata } = await lab.running('jobless');
  await lab.kubectl('delete', 'job', status.jobName ?? '');
  assert.is((await lab.ended('jobless')).reason, 'JobDeleted');
  await untilGone(metadata.uid);
});

test('a Job that is deleted without its pod still stops the target', async () => {
  await lab.run('orphaned', stubborn);
  const { status, metadata } = await lab.running('orphaned');
  await lab.kubectl('delete', 'job', status.jobName ?? '', '--cascade=orphan');
  const end = await lab.ended('orphaned');
  assert.is(end.reason, 'JobDeleted');
  await untilGone(metadata.uid);
  recordObservation({
    fault: 'Somebody deletes the Job of a run, and keeps its pod',
    seen: `${end.phase} with ${end.reason}`,
    left: '0 containers',
  });
});

test('a run whose pod is deleted shows the message of its worker and how the target ended', async () => {
  await lab.run('podless', { command: obedient(5) });
  const { status } = await obeying('podless');
  await lab.kubectl('delete', 'pod', status.podName ?? '');
  const end = await lab.ended('podless');
  assert.is(end.reason, 'Cancelled');
  assert.match(end.message ?? '', /stopped by SIGTERM/);
  assert.is(end.target?.exitCode, 5);
});

test('a deleted run that a finalizer keeps ends', async () => {
  await lab.run('held', stubborn);
  const { metadata } = await lab.running('held');
  const finalizers = (value: string) => `--patch={"metadata":{"finalizers":${value}}}`;
  await lab.kubectl('patch', 'dockerrun', 'held', '--type=merge', finalizers('["example.org/keeps-it"]'));
  await lab.kubectl('delete', 'dockerrun', 'held', '--wait=false');
  const end = await lab.ended('held');
  assert.is(end.phase, 'Cancelled');
  assert.match(end.message ?? '', /^The run was deleted\./);
  await untilGone(metadata.uid);
  await lab.kubectl('patch', 'dockerrun', 'held', '--type=merge', finalizers('null'));
});

test('a run that is not scheduled in time fails with a message about what it waited for', async () => {
  await lab.run('homeless', { nodeSelector: { nosuch: 'label' }, startDeadlineSeconds: 30 });
  const status = await lab.ended('homeless');
  assert.is(status.reason, 'StartDeadlineExceeded');
  assert.match(status.message ?? '', /node/);
});

test('kubectl wait returns at the end of a run', async () => {
  await lab.run('waited', { command: ['sleep', '1'] });
  await lab.kubectl('wait', '--for=condition=Complete', 'dockerrun/waited', '--timeout=170s');
});

test('a finished run is deleted, with its pods, when its time to live is over', async () => {
  await lab.run('mortal', { command: ['true'], ttlSecondsAfterFinished: 2 });
  const { metadata } = await lab.get('mortal');
  const pods = () => lab.kubectl('get', 'pods', '-l', `dockerrun.dev/run-uid=${metadata.uid}`, '-o', 'name');
  const run = () => lab.kubectl('get', 'dockerrun', 'mortal', '--ignore-not-found', '-o', 'name');
  const left = async () => `${await run()}${await pods()}`;
  const isEmpty = (names: string) => names === '';
  await until('the run and its pods are deleted', left, { holds: isEmpty, withinMs: 180_000, everyMs: 500 });
});

test('a run that has started cannot be changed', async () => {
  await lab.run('fixed', stubborn);
  await lab.running('fixed');
  const { code, stderr } = await lab.apply({
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'fixed' },
    spec: { image: 'busybox:local', imagePullPolicy: 'Never', command: ['sleep', '301'] },
  });
  assert.is.not(code, 0);
  assert.match(stderr, /cannot change/);
  await lab.kubectl('delete', 'dockerrun', 'fixed');
});

test.run();
