import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { paths } from '../../../src/kube/paths.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { suite } from '../../fixtures/suite.ts';
import { dockerrun, type Printed } from './command-run.ts';

type Context = { plane: ControlPlane; scratch: ScratchDirectory };

const test = suite<Context>('dockerrun in a cluster without an operator');
const runs = paths.dockerRuns('default');

test.before(async (context) => {
  context.scratch = new ScratchDirectory('cluster-commands');
  context.plane = await startControlPlane();
});

test.after(async ({ plane, scratch }) => {
  scratch[Symbol.dispose]();
  await plane.close();
});

const on = ({ kubeconfig }: ControlPlane, args: readonly string[], input?: string): Promise<Printed> =>
  dockerrun(['--kubeconfig', kubeconfig, ...args], input);

const manifest = (name: string, spec: object = {}) =>
  stringify({
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name },
    spec: { image: 'busybox', command: ['true'], ...spec },
  });

/** As the controller would write it. */
const setStatus = (plane: ControlPlane, name: string, status: object) =>
  plane.client.merge(`${runs}/${name}/status`, { status: { observedGeneration: 1, ...status } });

test('submit creates what the file has, with the changes of --set and --generate-name', async ({ plane }) => {
  const created = await on(plane, ['submit', '-', '--set', 'args[0]=yes'], manifest('first'));
  assert.equal(created, { code: 0, stdout: 'run/first created\n', stderr: '' });
  const stored = (await plane.client.get(`${runs}/first`)) as { spec: { args: string[] } };
  assert.equal(stored.spec.args, ['yes']);
  const named = await on(plane, ['submit', '-', '--generate-name', 'seg-', '-o', 'name'], manifest('first'));
  assert.match(named.stdout, /^dockerrun\.dockerrun\.dev\/seg-[a-z0-9]{5}\n$/);
});

test('an invalid file is refused before the cluster is asked, and a dry run changes nothing', async ({
  plane,
}) => {
  const bad = await on(plane, ['submit', '-', '--set', 'args[0]=$(nothing)'], manifest('bad'));
  assert.is(bad.code, 64);
  assert.match(bad.stderr, /^dockerrun: standard input: spec\.args\[0\]: .*\n$/);
  const dry = await on(plane, ['submit', '-', '--dry-run'], manifest('dry'));
  assert.is(dry.stdout, 'run/dry created (dry run: nothing was changed)\n');
  const missing = await on(plane, ['get', 'dry']);
  assert.equal(
    [missing.code, missing.stderr],
    [1, 'dockerrun: dockerruns.dockerrun.dev "dry" not found; dockerrun list shows what there is\n'],
  );
});

test('a name that exists is refused with what to do', async ({ plane }) => {
  const { code, stderr } = await on(plane, ['submit', '-'], manifest('first'));
  assert.is(code, 1);
  assert.match(stderr, /already exists; use another name, or --generate-name\n$/);
});

test('list selects by phase and labels, and prints what kubectl would', async ({ plane }) => {
  await setStatus(plane, 'first', { phase: 'Failed', reason: 'TargetFailed', target: { exitCode: 3 } });
  await plane.client.merge(`${runs}/first`, { metadata: { labels: { app: 'a' } } });
  const failed = await on(plane, ['list', '--phase', 'failed']);
  assert.match(failed.stdout, /^NAME +PHASE +PROGRESS +NODE +EXIT +AGE\nfirst +Failed +3 +\d+s\n$/);
  assert.is(
    (await on(plane, ['list', '-l', 'app=a', '-o', 'name'])).stdout,
    'dockerrun.dockerrun.dev/first\n',
  );
  assert.match((await on(plane, ['list', '-A'])).stdout, /^NAMESPACE +NAME.*\ndefault +first/);
  const none = await on(plane, ['list', 'sets']);
  assert.equal([none.code, none.stdout], [0, '']);
  assert.is(none.stderr, 'dockerrun: there are no sets in the namespace default\n');
  const list = parse((await on(plane, ['list', '-o', 'yaml'])).stdout) as { kind: string; items: unknown[] };
  assert.is(list.kind, 'List');
  assert.ok(list.items.length >= 2);
});

test('wait and watch return the exit code of the run at once when it has ended', async ({ plane }) => {
  for (const verb of ['wait', 'watch']) {
    const { code, stdout } = await on(plane, [verb, 'first', '--timeout', '60s']);
    assert.is(code, 3, verb);
    assert.match(stdout, /run\/first Failed\n$/, verb);
  }
});

test('wait sees a run end, and one that is deleted, and its time ends', async ({ plane }) => {
  for (const name of ['later', 'gone', 'never']) await on(plane, ['submit', '-'], manifest(name));
  const [later, gone] = [
    on(plane, ['wait', 'later', '--timeout', '90s']),
    on(plane, ['wait', 'gone', '--timeout', '90s']),
  ];
  await setStatus(plane, 'later', { phase: 'Succeeded', target: { exitCode: 0 } });
  await plane.client.delete(`${runs}/gone`);
  assert.is((await later).code, 0);
  const deleted = await gone;
  assert.is(deleted.code, 1);
  assert.match(deleted.stderr, /gone/);
  const over = await on(plane, ['wait', 'never', 'later', '--timeout', '15s']);
  assert.equal([over.code, over.stderr], [124, 'dockerrun: run/never did not end within 15 s\n']);
});

test('wait sees that a run is deleted between its look at the run and its watch', async ({ plane }) => {
  await using proxy = await ApiProxy.start(plane);
  await on(plane, ['submit', '-'], manifest('brief'));
  proxy.fail('list', 'dockerruns', { first: () => plane.client.delete(`${runs}/brief`) });
  const args = ['--kubeconfig', plane.kubeconfigFor(proxy.url), 'wait', 'brief', '--timeout', '90s'];
  const { code, stderr } = await dockerrun(args);
  assert.equal([code, stderr], [1, 'dockerrun: run/brief was deleted\n']);
});

test('wait reads a run, lists it once and watches it, and says what the API server refuses', async ({
  plane,
}) => {
  await using proxy = await ApiProxy.start(plane);
  const args = ['--kubeconfig', plane.kubeconfigFor(proxy.url), 'wait', 'first', '--timeout', '90s'];
  assert.is((await dockerrun(args)).code, 3);
  assert.equal([proxy.count('get', 'dockerruns'), proxy.count('list', 'dockerruns')], [1, 1]);
  proxy.fail('list', 'dockerruns', { status: 403, reason: 'Forbidden' });
  const { code, stderr } = await dockerrun(args);
  assert.is(code, 1);
  assert.match(stderr, /^dockerrun: the proxy reports Forbidden; ask for the role [^\n]*\n$/);
});

test('logs --follow says what it waits for, and that the run was deleted or replaced by another', async ({
  plane,
}) => {
  await using proxy = await ApiProxy.start(plane);
  const args = ['--kubeconfig', plane.kubeconfigFor(proxy.url), 'logs', '-f', 'lost'];
  const remove = () => plane.client.delete(`${runs}/lost`);
  const replace = async () => {
    await remove();
    await on(plane, ['submit', '-'], manifest('lost'));
  };
  for (const afterwards of [remove, replace]) {
    await on(plane, ['submit', '-'], manifest('lost'));
    proxy.fail('get', 'dockerruns', { afterwards });
    const { code, stderr } = await dockerrun(args);
    const waits = 'dockerrun: run/lost has no log yet (Pending)\n';
    assert.equal([code, stderr], [1, `${waits}dockerrun: run/lost was deleted\n`]);
  }
});

test('without a kubeconfig a command says how to name one', async ({ scratch }) => {
  const { KUBECONFIG, HOME } = process.env;
  Object.assign(process.env, { KUBECONFIG: '', HOME: scratch.path });
  try {
    const { code, stderr } = await dockerrun(['list']);
    assert.equal(
      [code, stderr],
      [1, 'dockerrun: there is no kubeconfig: set KUBECONFIG, or use --kubeconfig\n'],
    );
  } finally {
    Object.assign(process.env, { KUBECONFIG, HOME });
  }
});

test('a kubeconfig without a current context is named as such', async ({ scratch }) => {
  const path = join(scratch.path, 'empty.yaml');
  writeFileSync(path, stringify({ apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], users: [] }));
  const { code, stderr } = await dockerrun(['--kubeconfig', path, 'list']);
  assert.is(code, 1);
  assert.match(stderr, /^dockerrun: the kubeconfig cannot be used: no current context .*use-context\n$/);
});

test('a namespace that does not exist is named, with how to find one', async ({ plane }) => {
  const { code, stderr } = await on(plane, ['submit', '-', '--namespace', 'nosuch'], manifest('nowhere'));
  assert.is(code, 1);
  assert.match(stderr, /namespaces "nosuch" not found; choose another with --namespace/);
});

test('cancel, suspend, resume and delete say what they do', async ({ plane }) => {
  await on(plane, ['submit', '-'], manifest('held'));
  const spec = async () =>
    ((await plane.client.get(`${runs}/held`)) as { spec: Record<string, unknown> }).spec;
  assert.is((await on(plane, ['suspend', 'held'])).stdout, 'run/held is being suspended\n');
  assert.is((await spec())['suspend'], true);
  assert.is((await on(plane, ['resume', 'held'])).stdout, 'run/held is resumed\n');
  assert.is((await spec())['suspend'], false);
  assert.match((await on(plane, ['cancel', 'held', '--dry-run'])).stdout, /nothing was changed/);
  assert.is((await spec())['cancel'], false);
  assert.is(
    (await on(plane, ['cancel', 'held', 'first'])).stdout,
    'run/held is being cancelled\nrun/first has already ended (Failed)\n',
  );
  assert.is((await spec())['cancel'], true);
  assert.match(
    (await on(plane, ['delete', 'held'])).stdout,
    /^run\/held deleted, and its target is stopped\n$/,
  );
  assert.is((await on(plane, ['get', 'held'])).code, 1);
});

test('what waits for, stops or deletes takes the runs that have a label, and never all of them', async ({
  plane,
}) => {
  for (const name of ['left', 'right']) {
    await on(plane, ['submit', '-'], manifest(name));
    await plane.client.merge(`${runs}/${name}`, { metadata: { labels: { side: name } } });
  }
  const none = await on(plane, ['delete']);
  assert.equal(
    [none.code, none.stderr],
    [2, 'dockerrun: delete needs a NAME, or --selector; see dockerrun delete --help\n'],
  );
  assert.is((await on(plane, ['cancel', 'left', '-l', 'side=right'])).code, 2);
  assert.is((await on(plane, ['cancel', '-l', 'side=left'])).stdout, 'run/left is being cancelled\n');
  await setStatus(plane, 'left', { phase: 'Cancelled', reason: 'Cancelled' });
  assert.is((await on(plane, ['wait', '-l', 'side=left', '--timeout', '60s'])).code, 71);
  const nobody = await on(plane, ['wait', '-l', 'side=middle']);
  assert.equal([nobody.code, nobody.stderr], [1, 'dockerrun: no run has the labels side=middle\n']);
  assert.match((await on(plane, ['delete', '-l', 'side=left'])).stdout, /^run\/left deleted/);
  assert.is((await on(plane, ['get', 'right'])).code, 0);
});

test('retry makes a run of one that has ended, and refuses one that has not', async ({ plane }) => {
  const { code, stdout } = await on(plane, ['retry', 'first', '-o', 'json']);
  assert.is(code, 0);
  const retried = JSON.parse(stdout) as {
    metadata: { name: string; labels: object };
    spec: { args: string[] };
  };
  assert.match(retried.metadata.name, /^first-[a-z0-9]{5}$/);
  assert.equal(retried.metadata.labels, { 'dockerrun.dev/retry-of': 'first' });
  assert.equal(retried.spec.args, ['yes']);
  const again = await on(plane, ['retry', retried.metadata.name]);
  assert.match(again.stderr, /has not ended \(Pending\): dockerrun cancel/);
});

test('logs of a run without a pod say why, and where the log of one that is gone is', async ({ plane }) => {
  await on(plane, ['submit', '-'], manifest('silent'));
  assert.match((await on(plane, ['logs', 'silent'])).stderr, /run\/silent has no pod yet \(Pending\)/);
  await setStatus(plane, 'silent', { phase: 'Succeeded', podName: 'silent-pod' });
  assert.match(
    (await on(plane, ['logs', 'silent'])).stderr,
    /the pod silent-pod does not exist any more: its log is deleted with it; spec\.girder\.log/,
  );
});

test('the key of the user is not sent to a Girder that only the run names', async ({ plane }) => {
  const girder = {
    apiUrl: 'http://127.0.0.1:9/api/v1',
    job: { id: '0'.repeat(24), tokenSecretRef: { name: 's', key: 'k' } },
  };
  await on(plane, ['submit', '-'], manifest('foreign', { girder }));
  await setStatus(plane, 'foreign', { phase: 'Succeeded', podName: 'foreign-pod' });
  const { code, stderr } = await on(plane, ['logs', 'foreign']);
  assert.is(code, 1);
  assert.match(
    stderr,
    /set GIRDER_API_KEY or GIRDER_TOKEN, and GIRDER_API_URL=http:\/\/127\.0\.0\.1:9\/api\/v1 if that is the Girder/,
  );
});

test('shells get the names of runs, namespaces and contexts', async ({ plane }) => {
  const complete = async (...words: string[]) =>
    (await dockerrun(['__complete', '--kubeconfig', plane.kubeconfig, ...words])).stdout.split('\n');
  assert.ok((await complete('logs', 'fir')).includes('first'));
  assert.ok((await complete('list', '-n', 'kube-')).includes('kube-system'));
  assert.equal(await complete('list', '--context', ''), ['test', '']);
});

test('each mistake of a kubeconfig is one sentence', async ({ plane, scratch }) => {
  const context = await on(plane, ['list', '--context', 'nosuch']);
  assert.equal(
    [context.code, context.stderr],
    [1, 'dockerrun: the kubeconfig cannot be used: The kubeconfig has no context nosuch, only: test\n'],
  );
  const closed = plane.kubeconfigFor(new URL('https://127.0.0.1:9'));
  const away = await dockerrun(['list', '--kubeconfig', closed]);
  assert.is(away.code, 1);
  assert.match(
    away.stderr,
    /^dockerrun: cannot reach the API server https:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.*; check the context/,
  );
  const anonymous = parse(readFileSync(plane.kubeconfig, 'utf8')) as { users: { user: object }[] };
  for (const user of anonymous.users) user.user = {};
  const file = join(scratch.path, 'anonymous.yaml');
  writeFileSync(file, JSON.stringify(anonymous));
  const stranger = await dockerrun(['list', '--kubeconfig', file]);
  assert.is(stranger.code, 1);
  assert.match(
    stranger.stderr,
    /cannot list resource "dockerruns".*; ask for the role dockerrun-user or edit in the namespace default/,
  );
});

test('a cluster without the CRDs is not taken for one without the object', async ({ plane }) => {
  await plane.client.delete(
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/dockerrunsets.dockerrun.dev',
  );
  await plane.client.until('/apis/dockerrun.dev/v1alpha1', 'without sets', {
    holds: (answer) => !JSON.stringify(answer).includes('dockerrunsets'),
  });
  const { code, stderr } = await on(plane, ['list', 'sets']);
  assert.is(code, 1);
  assert.match(stderr, /the cluster does not know dockerrun\.dev\/v1alpha1: install the operator/);
});

test.run();
