import * as assert from 'uvu/assert';
import { concurrentTest } from './support/concurrent-tests.ts';
import { until } from '../fixtures/until.ts';
import { Lab, type Manifest, patienceMs } from './support/runs.ts';
import { execute, type Finished, succeed } from './support/shell.ts';

/** Runs in namespaces whose administrators bound what pods may be. */

const test = concurrentTest();
const stack = new AsyncDisposableStack();

test.after(() => stack.disposeAsync());

async function labWith(name: string, ...objects: Manifest[]): Promise<Lab> {
  const lab = await Lab.open(name);
  stack.defer(() => lab.close());
  for (const object of objects) {
    const { code, stderr } = await lab.apply(object);
    assert.is(code, 0, stderr);
  }
  return lab;
}

const limitRange = (...limits: Manifest[]): Manifest => ({
  ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'bounds' }, spec: { limits } },
});
const quota = (hard: Manifest): Manifest => ({
  ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'quota' }, spec: { hard } },
});
const hello = { command: ['echo', 'hello'] };

/** The message of a run that cannot have its pod, once it names `what`. */
async function waits(lab: Lab, name: string, what: string): Promise<string> {
  const stored = await lab.until(name, `waits for ${what}`, {
    holds: ({ status }) => status.message?.includes(what) === true,
  });
  assert.is(stored.status.phase, 'Pending');
  return stored.status.message ?? '';
}

test('a run waits in a namespace of Pod Security baseline, and starts when its label is changed', async () => {
  const lab = await labWith('pod-security');
  const enforce = (level: string) =>
    succeed('kubectl', [
      ...['label', 'namespace', lab.namespace, '--overwrite', `pod-security.kubernetes.io/enforce=${level}`],
    ]);
  await enforce('baseline');
  await lab.run('hello', hello);
  const message = await waits(lab, 'hello', 'PodSecurity');
  assert.match(message, 'pod-security.kubernetes.io/enforce=privileged');
  await enforce('privileged');
  assert.is((await lab.ended('hello')).phase, 'Succeeded');
});

test('a run without limits says what to set under a quota of limits, and one with limits runs', async () => {
  const lab = await labWith('quota-limits', quota({ 'limits.cpu': '1', 'limits.memory': '1Gi' }));
  await lab.run('without', hello);
  const message = await waits(lab, 'without', 'must specify');
  assert.match(message, 'spec.resources');
  await lab.run('with', { ...hello, resources: { limits: { cpu: '200m', memory: '64Mi' } } });
  assert.is((await lab.ended('with')).phase, 'Succeeded');
  assert.is((await lab.get('without')).status.phase, 'Pending');
});

test('a LimitRange with defaults lets a run without limits run under a quota of limits', async () => {
  const lab = await labWith(
    'quota-defaults',
    quota({ 'limits.cpu': '1', 'limits.memory': '1Gi' }),
    limitRange({ type: 'Container', default: { cpu: '500m', memory: '512Mi' } }),
  );
  await lab.run('hello', hello);
  assert.is((await lab.ended('hello')).phase, 'Succeeded');
});

test('a run waits for the room of a quota, and starts when the quota is raised', async () => {
  const lab = await labWith('quota-full', quota({ 'requests.memory': '64Mi' }));
  await lab.run('hello', hello);
  const message = await waits(lab, 'hello', 'exceeded quota');
  assert.match(message, '256Mi memory for the worker');
  await lab.apply(quota({ 'requests.memory': '1Gi' }));
  assert.is((await lab.ended('hello')).phase, 'Succeeded');
});

test('a run names the bounds of a LimitRange that its pod exceeds', async () => {
  const lab = await labWith(
    'limit-max',
    limitRange({ type: 'Container', max: { memory: '400Mi' }, min: { cpu: '50m' } }),
  );
  const resources = { limits: { memory: '300Mi' } };
  await lab.run('large', { ...hello, resources, startDeadlineSeconds: 35 });
  const message = await waits(lab, 'large', 'maximum memory usage per Container');
  assert.match(message, 'spec.resources');
  await lab.run('small', { ...hello, resources: { limits: { memory: '100Mi' } } });
  assert.is((await lab.ended('small')).phase, 'Succeeded');
  const { reason, message: why } = await lab.ended('large');
  assert.is(reason, 'StartDeadlineExceeded');
  assert.match(why ?? '', 'maximum memory usage per Container');
});

test('a default of a LimitRange below the needs of the worker is named, and can be overridden', async () => {
  const lab = await labWith('limit-default', limitRange({ type: 'Container', default: { memory: '100Mi' } }));
  await lab.run('default', hello);
  assert.match(await waits(lab, 'default', 'less than or equal to memory limit'), 'LimitRange');
  await lab.run('own', { ...hello, resources: { limits: { memory: '64Mi' } } });
  assert.is((await lab.ended('own')).phase, 'Succeeded');
});

/** Waits until a new policy is enforced: the API server has to see it first. */
async function isEnforced(lab: Lab): Promise<void> {
  const volumes = [{ name: 'host', hostPath: { path: '/tmp' } }];
  const spec = { containers: [{ name: 'one', image: 'busybox:local' }], volumes };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe' }, spec };
  const args = ['--namespace', lab.namespace, 'create', '--dry-run=server', '-f', '-'];
  const holds = ({ code }: Finished) => code !== 0;
  const create = () => execute('kubectl', args, { input: JSON.stringify(pod) });
  await until('the policy refuses a pod', create, { holds, withinMs: patienceMs, everyMs: 250 });
}

test('a run names the policy of the cluster that refuses its pod', async () => {
  const lab = await labWith('admission');
  const name = `${lab.namespace}-no-host-paths`;
  const group = { apiVersion: 'admissionregistration.k8s.io/v1' };
  stack.defer(async () => {
    const kinds = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    await succeed('kubectl', ['delete', kinds, name, '--ignore-not-found']);
  });
  const pods = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': lab.namespace } };
  const expression = '!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.hostPath))';
  await lab.apply({
    ...{ ...group, kind: 'ValidatingAdmissionPolicy', metadata: { name } },
    spec: {
      matchConstraints: { resourceRules: [pods], namespaceSelector },
      validations: [{ expression, message: 'host paths need an exception' }],
    },
  });
  await lab.apply({
    ...{ ...group, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name } },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
  await isEnforced(lab);
  await lab.run('hello', hello);
  const message = await waits(lab, 'hello', 'host paths need an exception');
  assert.match(message, 'Ask its owner for an exception');
});

test.run();
