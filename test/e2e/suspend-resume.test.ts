import * as assert from 'uvu/assert';
import { parseRun } from '../../src/controller/observe/parse.ts';
import { until } from '../fixtures/until.ts';
import { concurrentTest } from './support/concurrent-tests.ts';
import { RunVersions } from './support/run-versions.ts';
import { containersOf, Lab, type Manifest, type StoredRun, untilReleased } from './support/runs.ts';

/** spec.suspend and spec.cancel, and which fields of a started run may change. */

const test = concurrentTest();
let lab: Lab;
/** Where a quota is in force for a while. */
let fewJobs: Lab;
let fewPods: Lab;

test.before(async () => {
  lab = await Lab.open('suspend-resume');
  fewJobs = await Lab.open('few-jobs');
  fewPods = await Lab.open('few-pods');
});
test.after(async () => void (await Promise.all([lab, fewJobs, fewPods].map((one) => one?.close()))));

const patch = (name: string, spec: Manifest) =>
  lab.kubectl('patch', 'dockerrun', name, '--type=merge', '--patch', JSON.stringify({ spec }));

const jobs = (name: string) =>
  lab.kubectl('get', 'jobs', '-l', `dockerrun.dev/run-name=${name}`, '-o', 'name');

/** A target that exits with 0 on SIGTERM. */
const polite = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];

test('a cancel of a running run stops its target, ends it as Cancelled and deletes its Job', async () => {
  await lab.run('cancelled', { command: polite, backoffLimit: 3 });
  const { metadata } = await lab.running('cancelled');
  await patch('cancelled', { cancel: true });
  const status = await lab.ended('cancelled', 60);
  assert.is(status.phase, 'Cancelled', status.message);
  assert.is(status.reason, 'Cancelled');
  assert.is(status.attempts, 1);
  assert.equal(await containersOf(metadata.uid), []);
  await lab.kubectl('wait', '--for=condition=Failed', 'dockerrun/cancelled', '--timeout=30s');
  assert.ok((await lab.events('cancelled')).some(({ reason }) => reason === 'Cancelled'));
  const options = { holds: (names: string) => names === '', withinMs: 30_000, everyMs: 250 };
  await until('the Job of the cancelled run is deleted', () => jobs('cancelled'), options);
});

test('a run that waits for a node can be cancelled', async () => {
  await lab.run('waiting', { nodeSelector: { nosuch: 'label' } });
  await lab.until('waiting', 'has a pod', { holds: ({ status }) => status.podName !== undefined });
  await patch('waiting', { cancel: true });
  assert.is((await lab.ended('waiting')).phase, 'Cancelled');
});

test('a run that is created with cancel: true never starts', async () => {
  await lab.run('never', { cancel: true });
  const status = await lab.ended('never');
  assert.is(status.phase, 'Cancelled');
  assert.is(await jobs('never'), '');
});

test('a cancel cannot be undone, and a cancel after the end changes nothing', async () => {
  await lab.run('final', { command: ['true'] });
  assert.is((await lab.ended('final')).phase, 'Succeeded');
  await patch('final', { cancel: true });
  const seen = await lab.until('final', 'is observed again', {
    holds: ({ status }) => status.observedGeneration === 2,
  });
  assert.is(seen.status.phase, 'Succeeded');
  let refusal = '';
  await patch('final', { cancel: false }).catch((error: unknown) => (refusal = String(error)));
  assert.match(refusal, /spec\.cancel stops a run for good/);
});

test('a run that is created suspended has no Job until it is resumed', async () => {
  await lab.run('later', { command: ['echo', 'hello'], suspend: true, startDeadlineSeconds: 180 });
  await lab.until('later', 'is suspended', { holds: ({ status }) => status.phase === 'Suspended' });
  assert.is(await jobs('later'), '');
  await lab.kubectl('wait', '--for=condition=Suspended', 'dockerrun/later', '--timeout=30s');
  await patch('later', { suspend: false });
  const status = await lab.ended('later');
  assert.is(status.phase, 'Succeeded', status.message);
});

test('suspending a running run deletes its pod, and resuming it starts the run again', async () => {
  const once = `if [ -e $(temporaryVolume)/x ]; then exit 9; fi; touch $(temporaryVolume)/x; echo begun; ${untilReleased}`;
  await lab.run('paused', { command: ['sh', '-c', once], terminationGracePeriodSeconds: 1 });
  const first = await lab.running('paused');
  const { metadata, status } = first;
  await patch('paused', { suspend: true });
  const paused = await lab.until('paused', 'is suspended', {
    holds: (run) => run.status.phase === 'Suspended',
    withinMs: 60_000,
  });
  assert.equal(await containersOf(metadata.uid), []);
  const job = await lab.kubectl('get', 'job', paused.status.jobName ?? '', '-o', 'jsonpath={.spec.suspend}');
  assert.is(job, 'true');
  await patch('paused', { suspend: false });
  await lab.release('paused', first);
  const end = await lab.ended('paused');
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is.not(end.podName, status.podName);
  assert.is(end.attemptHistory?.length, 2);
  assert.is(end.attemptHistory?.[0]?.podName, status.podName);
  assert.is((await lab.log('paused')).toString(), 'begun\n');
});

test('a run that is resumed while its pod terminates waits for the pod and does not fail', async () => {
  await lab.run('hasty', {
    command: ['sh', '-c', `trap "sleep 6; exit 0" TERM; ${untilReleased}`],
  });
  const first = await lab.running('hasty');
  await patch('hasty', { suspend: true });
  const ends = '--for=jsonpath={.metadata.deletionTimestamp}';
  await lab.kubectl('wait', ends, `pod/${first.status.podName}`, '--timeout=30s');
  await patch('hasty', { suspend: false });
  await lab.release('hasty', first);
  const end = await lab.ended('hasty', 90);
  assert.is(end.phase, 'Succeeded', end.message);
});

test('a Job that a queue suspends stays suspended, and the status of the run reports Queued', async () => {
  const queue = { 'kueue.x-k8s.io/queue-name': 'lab' };
  const { code, stderr } = await lab.apply({
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'queued', labels: queue },
    spec: {
      ...{ image: 'busybox:local', imagePullPolicy: 'Never', terminationGracePeriodSeconds: 1 },
      command: ['sh', '-c', untilReleased],
    },
  });
  assert.is(code, 0, stderr);
  const { status } = await lab.until('queued', 'has a Job', {
    holds: (run) => run.status.jobName !== undefined,
  });
  const job = status.jobName ?? '';
  const labels = await lab.kubectl('get', 'job', job, '-o', 'jsonpath={.metadata.labels}');
  assert.is((JSON.parse(labels) as Record<string, string>)['kueue.x-k8s.io/queue-name'], 'lab');
  const suspend = (value: boolean) =>
    lab.kubectl('patch', 'job', job, '--type=merge', '--patch', JSON.stringify({ spec: { suspend: value } }));
  await suspend(true);
  const isHeld = (run: StoredRun) => run.status.phase === 'Suspended' && run.status.reason === 'Queued';
  const held = await lab.until('queued', 'is queued', { holds: isHeld });
  await lab.run('another', { command: ['true'] });
  await lab.ended('another');
  assert.is(await lab.kubectl('get', 'job', job, '-o', 'jsonpath={.spec.suspend}'), 'true');
  // Otherwise the test might release the target that is being stopped.
  const pods = `dockerrun.dev/run-uid=${held.metadata.uid}`;
  await lab.kubectl('wait', '--for=delete', 'pod', '-l', pods, '--timeout=55s');
  await suspend(false);
  await lab.release('queued', held);
  const end = await lab.ended('queued');
  assert.is(end.phase, 'Succeeded', end.message);
});

test('a started run cannot change except in suspend, cancel and ttlSecondsAfterFinished', async () => {
  const affinity = (weight: number) => ({
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
      ],
    },
  });
  await lab.run('fixed', { command: ['sh', '-c', untilReleased], affinity: affinity(1) });
  await lab.running('fixed');
  const refused = async (spec: Manifest) => {
    let refusal = '';
    await patch('fixed', spec).catch((error: unknown) => (refusal = String(error)));
    assert.match(
      refusal,
      /cannot change except in suspend, cancel, ttlSecondsAfterFinished/,
      JSON.stringify(spec),
    );
  };
  await refused({ command: ['sleep', '4'] });
  await refused({ image: 'other' });
  await refused({ affinity: affinity(2) });
  await refused({ nodeSelector: { a: 'b' } });
  await patch('fixed', { ttlSecondsAfterFinished: 3600 });
  await lab.release('fixed');
  assert.is((await lab.ended('fixed')).phase, 'Succeeded');
  await patch('fixed', { ttlSecondsAfterFinished: 0 });
  await lab.kubectl('wait', '--for=delete', 'dockerrun/fixed', '--timeout=30s');
});

test('the fields for the scheduler are copied to the pod', async () => {
  await lab.run('placed', {
    command: ['true'],
    priorityClassName: 'system-cluster-critical',
    schedulerName: 'default-scheduler',
    tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    podMetadata: { labels: { team: 'imaging' }, annotations: { 'example.org/note': 'seen by people' } },
  });
  const { status } = await lab.until('placed', 'has a pod', {
    holds: (run) => run.status.podName !== undefined,
  });
  const pod = JSON.parse(await lab.kubectl('get', 'pod', status.podName ?? '', '-o', 'json')) as {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> };
    spec: { priorityClassName: string; tolerations: { key?: string }[]; affinity: object };
  };
  assert.is(pod.spec.priorityClassName, 'system-cluster-critical');
  assert.ok(pod.spec.tolerations.some(({ key }) => key === 'gpu'));
  assert.ok('podAntiAffinity' in pod.spec.affinity);
  assert.is(pod.metadata.labels['team'], 'imaging');
  assert.is(pod.metadata.annotations['example.org/note'], 'seen by people');
  assert.is((await lab.ended('placed')).phase, 'Succeeded');
});

test('a run that a quota blocks names the quota, and continues when there is room', async () => {
  await fewJobs.kubectl('create', 'quota', 'none', '--hard=count/jobs.batch=0');
  await fewJobs.kubectl('wait', 'quota/none', '--for=jsonpath={.status.hard}', '--timeout=60s');
  await fewJobs.run('crowded', { command: ['true'] });
  const { status } = await fewJobs.until('crowded', 'names the quota', {
    holds: (run) => (run.status.message ?? '').includes('quota'),
  });
  assert.is(status.phase, 'Pending');
  await fewJobs.kubectl('delete', 'quota', 'none');
  const end = await fewJobs.ended('crowded', 90);
  assert.is(end.phase, 'Succeeded', end.message);
});

test('a quota that blocks the pod of the second attempt fails the run at its start deadline, with one sentence', async () => {
  using versions = new RunVersions(fewPods.namespace);
  await fewPods.run('refused', {
    command: ['sh', '-c', `${untilReleased}; exit 9`],
    backoffLimit: 1,
    startDeadlineSeconds: 60,
  });
  await fewPods.running('refused');
  await fewPods.kubectl('create', 'quota', 'none', '--hard=pods=0');
  await fewPods.kubectl('wait', 'quota/none', '--for=jsonpath={.status.hard}', '--timeout=30s');
  await fewPods.release('refused');
  const end = await fewPods.ended('refused', 300);
  await fewPods.kubectl('delete', 'quota', 'none');
  assert.is(end.reason, 'StartDeadlineExceeded');
  assert.is(end.target?.exitCode, 9);
  assert.is(end.attempts, 1);
  const messages = versions.of('refused').map((object) => parseRun(object).status.message ?? '');
  // The numbers in the refusal (requested, used) may still change once.
  const refusals = new Set(
    messages.map((message) => /next pod cannot be created: (.*?)(, requested.*)?$/.exec(message)?.[1]),
  );
  refusals.delete(undefined);
  assert.is(refusals.size, 1, [...refusals].join('\n'));
});

test('a foreground deletion waits for the target', async () => {
  await lab.run('foreground', {
    command: ['sh', '-c', 'trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done'],
  });
  const { metadata } = await lab.running('foreground');
  await lab.kubectl('delete', 'dockerrun', 'foreground', '--cascade=foreground', '--timeout=60s');
  assert.equal(await containersOf(metadata.uid), []);
});

test('every attempt is in the history of the run', async () => {
  await lab.run('tried', { command: ['sh', '-c', 'exit 7'], backoffLimit: 1 });
  const { attemptHistory = [], attempts } = await lab.ended('tried', 120);
  assert.is(attempts, 2);
  assert.equal(
    attemptHistory.map(({ reason, exitCode }) => [reason, exitCode]),
    [
      ['TargetFailed', 7],
      ['TargetFailed', 7],
    ],
  );
  assert.is(new Set(attemptHistory.map(({ podUID }) => podUID)).size, 2);
});

test('runs can be selected by phase, and the columns show their state', async () => {
  await lab.run('found', { command: ['true'] });
  await lab.ended('found');
  const names = await lab.kubectl(
    'get',
    'dockerruns',
    '--field-selector=status.phase=Succeeded',
    '-o',
    'name',
  );
  assert.match(names, /\/found\n/);
  const [head, row] = (await lab.kubectl('get', 'dr', 'found')).split('\n');
  assert.match(head ?? '', /^NAME +PHASE +PROGRESS +NODE +EXIT +AGE/);
  assert.match(row ?? '', /^found +Succeeded +100% +\S+ +0 +\S+/);
});

test.run();
