import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failureReasons } from '../../../src/api/reasons.ts';
import { exitCodeOf } from '../../../src/api/run-plan.ts';
import { podOf } from '../../../src/cli/cluster/logs-command.ts';
import { pagesOf } from '../../../src/cli/cluster/open-command.ts';
import { endCodeOf, stateLine } from '../../../src/cli/cluster/run-ends.ts';
import type { StoredObject } from '../../../src/cli/cluster/stored-object.ts';
import { retriedRun, retryObstacle } from '../../../src/kube/retried-run.ts';
import { kindNamed, runNamed, setNamed, targetOf } from '../../../src/cli/cluster/targets.ts';
import { isSameGirder, parseJobLog } from '../../../src/cli/cluster/user-girder.ts';

const aRun = (status: object, more: object = {}, spec: object = {}): StoredObject => ({
  kind: 'DockerRun',
  metadata: { name: 'segment', namespace: 'lab', ...more },
  spec: { image: 'a', ...spec },
  status,
});
const aSet = (status: object, spec: object = {}): StoredObject => ({
  kind: 'DockerRunSet',
  metadata: { name: 'nuclei', namespace: 'lab', generation: 2 },
  spec,
  status: { observedGeneration: 2, ...status },
});

test('a run that has not ended has no exit code', () => {
  for (const phase of ['Pending', 'Suspended', 'Running', undefined])
    assert.is(endCodeOf(aRun({ phase })), undefined);
});

test('the exit code of a run is that of its target, or of its reason', () => {
  assert.is(endCodeOf(aRun({ phase: 'Succeeded', target: { exitCode: 0 } })), 0);
  assert.is(endCodeOf(aRun({ phase: 'Failed', reason: 'TargetFailed', target: { exitCode: 3 } })), 3);
  assert.is(endCodeOf(aRun({ phase: 'Failed', reason: 'OOMKilled', target: { exitCode: 137 } })), 137);
  assert.is(endCodeOf(aRun({ phase: 'Failed', reason: 'UploadFailed', target: { exitCode: 0 } })), 67);
  assert.is(endCodeOf(aRun({ phase: 'Failed', reason: 'FromTheFuture' })), 68);
  assert.is(endCodeOf(aRun({ phase: 'Failed', reason: 'toString' })), 68);
});

test('every reason of a failure has a code that is not 0', () => {
  for (const reason of Object.keys(failureReasons) as (keyof typeof failureReasons)[]) {
    assert.is(endCodeOf(aRun({ phase: 'Failed', reason })), exitCodeOf(reason));
    assert.is.not(exitCodeOf(reason), 0);
  }
});

test('a set has ended when it is complete, or when its pass is over and another one follows', () => {
  assert.is(endCodeOf(aSet({ phase: 'Processing' })), undefined);
  assert.is(endCodeOf(aSet({ phase: 'Complete', items: { failed: 0 } })), 0);
  assert.is(endCodeOf(aSet({ phase: 'Complete', items: { failed: 1 } })), 74);
  assert.is(endCodeOf(aSet({ phase: 'Idle' })), undefined);
  assert.is(endCodeOf(aSet({ phase: 'Idle', items: { failed: 0 } }, { watch: { every: '10m' } })), 0);
  assert.is(endCodeOf(aSet({ phase: 'Complete', observedGeneration: 1 })), undefined);
});

test('a set has not ended before the pass that its retryFailed asks for', () => {
  const complete = { phase: 'Complete', items: { failed: 1 } };
  assert.is(endCodeOf(aSet(complete, { retryFailed: 'b' })), undefined);
  assert.is(endCodeOf(aSet({ ...complete, pass: { retryFailed: 'a' } }, { retryFailed: 'b' })), undefined);
  assert.is(endCodeOf(aSet({ ...complete, pass: { retryFailed: 'b' } }, { retryFailed: 'b' })), 74);
});

test('a set that needs a person has ended with 1, and one that was only suspended has not', () => {
  const stalled = { type: 'Stalled', status: 'True' };
  assert.is(endCodeOf(aSet({ phase: 'Paused', conditions: [stalled] })), 1);
  assert.is(endCodeOf(aSet({ phase: 'Paused', conditions: [{ ...stalled, status: 'False' }] })), undefined);
});

test('the line about a run has its phase, its progress while it runs, and its message', () => {
  const progress = { message: 'm', summary: '41%' };
  assert.is(stateLine(aRun({ phase: 'Running', progress, message: 'It runs.' })), 'Running (41%): It runs.');
  assert.is(stateLine(aRun({ phase: 'Succeeded', progress })), 'Succeeded');
  assert.is(stateLine(aRun({})), 'Pending');
});

test('names are those that kubectl understands', () => {
  for (const text of [
    'a',
    'run/a',
    'dr/a',
    'dockerrun/a',
    'dockerruns.dockerrun.dev/a',
    'dockerrun.dockerrun.dev/a',
  ])
    assert.equal(targetOf(text), { kind: 'run', name: 'a' }, text);
  for (const text of ['set/a', 'drset/a', 'dockerrunsets/a', 'dockerrunset.dockerrun.dev/a'])
    assert.equal(targetOf(text), { kind: 'set', name: 'a' }, text);
  assert.equal(setNamed('a', 'failures'), { kind: 'set', name: 'a' });
  assert.is(kindNamed('pods'), undefined);
  for (const text of ['pod/a', 'A', '../b', 'a/', '', 'a?x=1', 'a#', 'set/a%2f'])
    assert.throws(() => targetOf(text), text);
  assert.throws(() => runNamed('set/a', 'logs'), /logs is for a run/);
  assert.throws(() => setNamed('run/a', 'failures'), /failures is for a DockerRunSet/);
});

test('a retried run has the spec, but not what stopped the first one or belongs to it alone', () => {
  const spec = {
    cancel: true,
    suspend: true,
    girder: { apiUrl: 'u', credentialsSecretRef: { name: 's' }, job: { id: 'j' } },
  };
  const labels = { 'kueue.x-k8s.io/queue-name': 'q', 'app.kubernetes.io/instance': 'argo' };
  const retry = retriedRun(
    aRun({}, { labels, annotations: { 'argocd.argoproj.io/tracking-id': 'x' } }, spec),
  );
  assert.equal(retry['metadata'], {
    generateName: 'segment-',
    namespace: 'lab',
    labels: { 'kueue.x-k8s.io/queue-name': 'q', 'dockerrun.dev/retry-of': 'segment' },
  });
  assert.equal(retry['spec'], { image: 'a', girder: { apiUrl: 'u', credentialsSecretRef: { name: 's' } } });
  assert.equal(retriedRun(aRun({}, {}, { girder: { apiUrl: 'u', job: { id: 'j' } } }))['spec'], {
    image: 'a',
    girder: { apiUrl: 'u' },
  });
});

test('a run is retried once it has ended, and a chunk by its set', () => {
  assert.is(retryObstacle(aRun({ phase: 'Running' })), 'NotEnded');
  assert.is(retryObstacle(aRun({})), 'NotEnded');
  assert.is(retryObstacle(aRun({ phase: 'Failed' }, {}, { forEach: { items: [] } })), 'Chunk');
  assert.is(retryObstacle(aRun({ phase: 'Cancelled' })), undefined);
});

test('an attempt is found by its number, also when the first ones are forgotten', () => {
  const attemptHistory = [
    { podUID: '3', podName: 'p-3' },
    { podUID: '4', podName: 'p-4' },
  ];
  const run = aRun({ attempts: 4, attemptHistory, podName: 'p-4' });
  const pod = (previous: boolean, attempt?: number) => podOf(run, { previous, attempt });
  assert.is(pod(false), 'p-4');
  assert.is(pod(true), 'p-3');
  assert.is(pod(false, 4), 'p-4');
  for (const attempt of [1, 5])
    assert.throws(() => pod(false, attempt), /the status of the run knows the attempts 3 to 4/);
  assert.throws(
    () => podOf(aRun({ attempts: 1 }), { previous: true, attempt: undefined }),
    /no attempt before/,
  );
});

test('only pages that a browser may open are printed, each once', () => {
  const result = { itemId: 'i', fileId: 'f', name: 'n', size: 1, sha256: '' };
  const results = [
    { ...result, url: 'https://g/#item/i' },
    { ...result, url: 'https://g/#item/i' },
    { ...result, url: 'file:///etc/passwd' },
    { ...result, url: 'javascript:alert(1)' },
  ];
  assert.equal(pagesOf(aRun({ results })), ['https://g/#item/i']);
  const girder = { apiUrl: 'https://g/api/v1' };
  assert.equal(pagesOf(aRun({ results: [result] }, {}, { girder })), ['https://g/#item/i']);
  const places = { source: { folder: { id: 's' } }, results: { folder: { id: 'r' } } };
  assert.equal(pagesOf(aSet({}, { girder, ...places })), ['https://g/#folder/r']);
  assert.equal(pagesOf(aSet({}, { girder, ...places, results: { place: 'Input' } })), [
    'https://g/#folder/s',
  ]);
});

test('the key of a user is only for the Girder that the user named', () => {
  assert.ok(isSameGirder('https://g/api/v1', 'https://G/api/v1/'));
  for (const other of [
    'http://g/api/v1',
    'https://g.evil/api/v1',
    'https://g:8443/api/v1',
    'https://g/other',
    'x',
    '',
  ])
    assert.not.ok(isSameGirder('https://g/api/v1', other), other);
  assert.not.ok(isSameGirder('x', 'x'));
});

test('the log of a job is a list of texts, or a text', () => {
  assert.is(parseJobLog({ log: ['a\n', 'b'] }), 'a\nb');
  assert.is(parseJobLog({ log: 'a' }), 'a');
  for (const job of [{}, null, { log: [1, null] }]) assert.is(parseJobLog(job), '');
});

test.run();
