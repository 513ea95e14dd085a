import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import * as assert from 'uvu/assert';
import { environment } from '../support/environment.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { Lab, patienceMs } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { type Injection, PodInjector } from '../../fixtures/pod-injector.ts';
import { Registry } from '../../fixtures/registry.ts';
import { until } from '../../fixtures/until.ts';

/** Containers that a webhook adds to the pods of runs, on real kubelets. */

const test = concurrentTest();
let lab: Lab;
let stack: AsyncDisposableStack;
let privateImage = '';

/** A container of the worker's own image, which is on the node, that runs a script of Node. */
function container(name: string, script: string, more: Partial<V1Container> = {}): V1Container {
  const image = environment('DOCKERRUN_IMAGE');
  return { name, image, imagePullPolicy: 'Never', command: ['/app/node', '-e', script], ...more };
}

const endless = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
const specOf = (pod: V1Pod) => pod.spec ?? { containers: [] };
/** Before the worker, so that it is not the first one. */
const beside =
  (...added: V1Container[]): Injection =>
  (pod) =>
    void specOf(pod).containers.unshift(...added);
const first = (...added: V1Container[]): Injection => {
  return (pod) => void (specOf(pod).initContainers = [...added, ...(specOf(pod).initContainers ?? [])]);
};

const many = Array.from({ length: 11 }, (_, index) => container(`added-${index}`, '0'));

const injections: Record<string, Injection> = {
  'endless-success': beside(container('mesh', endless)),
  'endless-failure': beside(container('mesh', endless)),
  'endless-retry': beside(container('mesh', endless)),
  restartable: first(container('mesh', endless, { restartPolicy: 'Always' })),
  'failing-beside': beside(container('logger', 'process.exit(1)')),
  'final-exit-code': beside(container('logger', 'process.exit(64)')),
  'failing-first': first(container('mesh-init', 'process.exit(7)')),
  'endless-first': first(container('vault-init', endless)),
  many: beside(...many),
  changed: (pod) => {
    const { metadata = {} } = pod;
    metadata.labels = { ...metadata.labels, team: 'x' };
    metadata.annotations = { ...metadata.annotations, 'example.org/injected': 'yes' };
    const spec = specOf(pod);
    spec.tolerations = [...(spec.tolerations ?? []), { operator: 'Exists' }];
    spec.volumes = [...(spec.volumes ?? []), { name: 'added', emptyDir: {} }];
    for (const one of spec.containers) {
      one.env = [{ name: 'ADDED', value: 'yes' }, ...(one.env ?? [])];
      one.volumeMounts = [{ name: 'added', mountPath: '/added' }, ...(one.volumeMounts ?? [])];
    }
  },
  private: (pod) => {
    const more = { image: privateImage, imagePullPolicy: 'Always', command: ['/busybox', 'true'] };
    beside(container('agent', '', more))(pod);
  },
};

test.before(async () => {
  stack = new AsyncDisposableStack();
  lab = await Lab.open('added');
  stack.defer(() => lab.close());
  const registry = stack.use(await Registry.start());
  const files = { busybox: await readFile('/bin/busybox'), data: randomBytes(1024) };
  privateImage = await registry.push('lab/agent', ociImage(files, ['/busybox', 'true']));
  const secret = { kind: 'Secret', type: 'kubernetes.io/dockerconfigjson', metadata: { name: 'registry' } };
  await lab.apply({
    apiVersion: 'v1',
    ...secret,
    stringData: { '.dockerconfigjson': registry.dockerConfig() },
  });
  const injector = stack.use(await PodInjector.start(injections));
  const name = lab.namespace;
  const { code, stderr } = await lab.apply(injector.configuration(name, name));
  assert.is(code, 0, stderr);
  stack.defer(async () => {
    await succeed('kubectl', ['delete', 'mutatingwebhookconfiguration', name, '--ignore-not-found']);
  });
});
test.after(() => stack.disposeAsync());

/** The names of the containers of a run's last pod, as the API server stored it. */
async function containersIn(name: string): Promise<string[]> {
  const { status } = await lab.get(name);
  const path = '{.spec.initContainers[*].name} {.spec.containers[*].name}';
  const text = await lab.kubectl('get', 'pod', status.podName ?? '', '-o', `jsonpath=${path}`);
  return text.trim().split(' ');
}

async function podsOf(name: string): Promise<string[]> {
  const text = await lab.kubectl('get', 'pods', '-l', `dockerrun.dev/run-name=${name}`, '-o', 'name');
  return text.split('\n').filter((line) => line !== '');
}

async function hasNoPods(name: string): Promise<void> {
  const holds = (pods: string[]) => pods.length === 0;
  await until(`${name} has no pod`, () => podsOf(name), { holds, withinMs: 2 * patienceMs, everyMs: 500 });
}

const exits = (code: number) => ({ command: ['sh', '-c', `exit ${code}`] });

test('a run succeeds beside a container that never ends, and its pod is removed', async () => {
  await lab.run('endless-success', { command: ['true'] });
  const status = await lab.ended('endless-success');
  assert.is(status.phase, 'Succeeded', JSON.stringify(status));
  await hasNoPods('endless-success');
  assert.is((await lab.get('endless-success')).status.phase, 'Succeeded');
});

test('a run fails as its target did beside a container that never ends', async () => {
  await lab.run('endless-failure', exits(3));
  const { phase, reason, target } = await lab.ended('endless-failure', 90);
  assert.equal([phase, reason, target?.exitCode], ['Failed', 'TargetFailed', 3]);
  await hasNoPods('endless-failure');
});

test('a failed attempt beside a container that never ends is retried', async () => {
  await lab.run('endless-retry', { ...exits(3), backoffLimit: 1, terminationGracePeriodSeconds: 1 });
  const { reason, attempts, attemptHistory = [] } = await lab.ended('endless-retry', 300);
  assert.equal([reason, attempts], ['TargetFailed', 2]);
  assert.equal(
    attemptHistory.map((attempt) => attempt.reason),
    ['TargetFailed', 'TargetFailed'],
  );
});

test('a restartable init container that never ends delays no end', async () => {
  await lab.run('restartable', { command: ['true'] });
  assert.is((await lab.ended('restartable')).phase, 'Succeeded');
  assert.equal(await containersIn('restartable'), ['mesh', 'worker']);
});

test('a container that fails makes a success neither a failure nor a second attempt', async () => {
  await lab.run('failing-beside', { command: ['true'], backoffLimit: 2 });
  const { phase, attempts } = await lab.ended('failing-beside');
  assert.equal([phase, attempts], ['Succeeded', 1]);
  const { jobName = '' } = (await lab.get('failing-beside')).status;
  const args = ['wait', 'job', jobName, '--for=condition=Failed', '--timeout=60s'];
  await lab.kubectl(...args);
  const pods = await podsOf('failing-beside');
  assert.is(pods.length, 1, 'the Job creates no second pod');
  assert.is((await lab.get('failing-beside')).status.phase, 'Succeeded');
});

test("an added container's exit code is not taken for one of the worker's", async () => {
  await lab.run('final-exit-code', { ...exits(3), backoffLimit: 1 });
  const { reason, attempts } = await lab.ended('final-exit-code', 120);
  assert.equal([reason, attempts], ['TargetFailed', 2]);
});

test('an init container that fails is named as the reason', async () => {
  await lab.run('failing-first', { command: ['true'] });
  const { reason, message } = await lab.ended('failing-first');
  assert.is(reason, 'WorkerNotStarted');
  assert.match(message ?? '', 'mesh-init, which was added to the pod, ended with exit code 7');
});

test('an init container that never ends is named when the start deadline passes', async () => {
  await lab.run('endless-first', { command: ['true'], startDeadlineSeconds: 45 });
  const { reason, message } = await lab.ended('endless-first');
  assert.is(reason, 'StartDeadlineExceeded');
  assert.match(message ?? '', 'vault-init, which was added to the pod, has not finished');
});

test('the reason survives in a pod of twelve containers, of which the kubelet keeps 1024 bytes each', async () => {
  await lab.run('many', { command: [`/nosuch/${'x'.repeat(3000)}`] });
  const { reason, message } = await lab.ended('many');
  assert.is(reason, 'ContainerStartFailed');
  assert.match(message ?? '', '/nosuch/xxx');
  assert.is((await containersIn('many')).length, 12);
});

test('a pod with other labels, annotations, tolerations, variables and volumes changes nothing', async () => {
  await lab.run('changed', { command: ['echo', 'same'] });
  assert.is((await lab.ended('changed')).phase, 'Succeeded');
  assert.match(await lab.output('changed'), 'same');
});

test("the kubelet pulls the images of the pod with the run's Secrets", async () => {
  await lab.run('private', { command: ['true'], imagePullSecrets: [{ name: 'registry' }] });
  assert.is((await lab.ended('private')).phase, 'Succeeded');
  const { podName = '' } = (await lab.get('private')).status;
  const path = '{.status.containerStatuses[?(@.name=="agent")].state.terminated.exitCode}';
  const read = () => lab.kubectl('get', 'pod', podName, '-o', `jsonpath=${path}`);
  await until('the private image has run', read, { holds: (text) => text === '0', withinMs: patienceMs });
});

test.run();
