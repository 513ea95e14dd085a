import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { optOutAnnotations, optOutLabels } from '../../../src/controller/job/injectors.ts';
import { exitCodes, parsePlan } from '../../../src/api/run-plan.ts';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { desiredJob } from '../../../src/controller/job/job.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { aSpec, metadata, workerConfig } from '../../fixtures/builders.ts';
import { expandAsKubelet } from '../../fixtures/builders-expansion.ts';

const jobOf = (spec: Partial<DockerRunSpec> = {}, policy: Policy = {}) =>
  desiredJob({ metadata: { ...metadata }, spec: aSpec(spec) }, workerConfig, policy);

const podOf = (...args: Parameters<typeof jobOf>) => {
  const pod = jobOf(...args).spec?.template.spec;
  const container = pod?.containers[0];
  if (pod === undefined || container === undefined) throw new Error('the Job has no pod template');
  return { ...pod, container };
};

const planOf = (spec: Partial<DockerRunSpec>) => {
  const text = podOf(spec).container.env?.find(({ name }) => name === 'DOCKERRUN_PLAN')?.value ?? '';
  const variables = new Map([
    ['x', 'EXPANDED'],
    ['DOCKERRUN_POD_UID', 'EXPANDED'],
  ]);
  return parsePlan(expandAsKubelet(text, variables));
};

test('the same run has the same Job, so that the API server refuses a second one', () => {
  assert.equal(jobOf({ args: ['$(x)'] }), jobOf({ args: ['$(x)'] }));
  assert.is(jobOf().metadata?.name, 'segment-0b9ad1c6');
});

test('the run owns its Job, and both Job and pod carry its uid', () => {
  const job = jobOf();
  assert.equal(job.metadata?.ownerReferences, [
    {
      ...{ apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun' },
      ...{ name: 'segment', uid: metadata.uid, controller: true, blockOwnerDeletion: true },
    },
  ]);
  const identity = { 'dockerrun.dev/run-uid': metadata.uid, 'dockerrun.dev/run-name': 'segment' };
  assert.equal(job.metadata?.labels, identity);
  assert.equal(job.spec?.template.metadata?.labels, { ...optOutLabels, ...identity });
});

test('no label or annotation of a run overrides the opt-outs of injectors', () => {
  const overriding = (optOuts: object) =>
    Object.fromEntries(Object.keys(optOuts).map((key) => [key, 'true']));
  const podMetadata = {
    labels: { ...overriding(optOutLabels), team: 'imaging' },
    annotations: { ...overriding(optOutAnnotations), note: 'x' },
  };
  const { template } = desiredJob({ metadata, spec: aSpec({ podMetadata }) }, workerConfig, {}).spec ?? {};
  assert.equal(withOnly(optOutLabels, template?.metadata?.labels), { ...optOutLabels, team: 'imaging' });
  assert.equal(withOnly(optOutAnnotations, template?.metadata?.annotations), {
    ...optOutAnnotations,
    note: 'x',
  });
});

/** What a pod has of the opt-outs and of the test's own metadata. */
function withOnly(optOuts: object, found: Record<string, string> = {}): object {
  const wanted = [...Object.keys(optOuts), 'team', 'note'];
  return Object.fromEntries(Object.entries(found).filter(([key]) => wanted.includes(key)));
}

test('the kubelet does not change the plan, whatever dollars and parentheses are in it', () => {
  for (const argument of [
    '$(x)',
    '$$(x)',
    '$$$(x)',
    '$',
    '$$',
    '$(DOCKERRUN_POD_UID)',
    '$(cat f)',
    '$&',
    '"\\$',
  ])
    assert.equal(planOf({ args: [argument] }).spec.args, [argument]);
  const piece = fc.constantFrom('$', '(', ')', 'x', 'DOCKERRUN_POD_UID', '"', '\\', '&', '1', '語');
  fc.assert(
    fc.property(fc.array(fc.array(piece).map((pieces) => pieces.join(''))), (args) => {
      assert.equal(planOf({ args }).spec.args, args);
    }),
  );
});

test('the plan has the run, its cgroup and the settings of the node', () => {
  const plan = planOf({ args: ['a'], resources: { limits: { cpu: 1, memory: '1Gi' } } });
  assert.equal(plan.run, { namespace: 'lab', name: 'segment', uid: metadata.uid });
  assert.equal(plan.podCgroup, { root: '/', qosClass: 'Guaranteed' });
  assert.is(plan.kubeletRoot, workerConfig.kubeletRoot);
});

test('the worker gets the CA bundle, the proxies and the redirects that the policy allows', () => {
  const egress = { DOCKERRUN_CA_BUNDLE: 'pem', DOCKERRUN_HTTPS_PROXY: 'http://a:$(b)@proxy.example.org' };
  const girderRedirects = ['http://minio.example.org:9000'];
  const run = { metadata: { ...metadata }, spec: aSpec() };
  const job = desiredJob(run, { ...workerConfig, egress }, { girderRedirects });
  const env = job.spec?.template.spec?.containers[0]?.env ?? [];
  const valueOf = (name: string) =>
    expandAsKubelet(env.find((one) => one.name === name)?.value ?? '', new Map([['b', 'EXPANDED']]));
  for (const [name, value] of Object.entries(egress)) assert.is(valueOf(name), value);
  assert.equal(parsePlan(valueOf('DOCKERRUN_PLAN')).girderRedirects, girderRedirects);
});

test('the worker has no Kubernetes credentials and only the capabilities that it needs', () => {
  const { automountServiceAccountToken, enableServiceLinks, container, ...pod } = podOf();
  assert.is(automountServiceAccountToken, false);
  assert.is(enableServiceLinks, false);
  assert.is(container.securityContext?.allowPrivilegeEscalation, false);
  assert.is(container.securityContext?.readOnlyRootFilesystem, true);
  assert.equal(container.securityContext?.capabilities?.drop, ['ALL']);
  assert.not.ok(container.securityContext?.privileged ?? false);
  assert.not.ok(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC ?? false);
});

test('secrets are mounted as files, and are never in text or environment variables', () => {
  const pod = podOf({
    env: [
      { name: 'PLAIN', value: '1' },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ],
    girder: { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } },
  });
  const secrets = pod.volumes?.flatMap(({ secret }) => (secret === undefined ? [] : [secret]));
  assert.equal(secrets, [
    { secretName: 'girder', defaultMode: 0o400 },
    { secretName: 's', items: [{ key: 'k', path: 'key-0' }], defaultMode: 0o400 },
  ]);
  assert.ok(pod.container.env?.every(({ valueFrom }) => valueFrom?.secretKeyRef === undefined));
  assert.is(pod.container.envFrom, undefined);
  const mounts = pod.container.volumeMounts?.filter(({ mountPath }) => mountPath.includes('secrets'));
  assert.equal(
    mounts?.map(({ mountPath, readOnly }) => [mountPath, readOnly]),
    [
      ['/dockerrun/secrets/girder', true],
      ['/dockerrun/secrets/keys/0', true],
    ],
  );
});

test("the kubelet pulls the worker's image with the Secrets of the installation and those of the run", () => {
  const pullSecrets = (config: Partial<typeof workerConfig>, spec: Partial<DockerRunSpec> = {}) => {
    const run = { metadata: { ...metadata }, spec: aSpec(spec) };
    return desiredJob(run, { ...workerConfig, ...config }, {}).spec?.template.spec?.imagePullSecrets;
  };
  const config = { imagePullSecrets: ['registry', 'mirror'] };
  const ofRun = [{ name: 'own' }, { name: 'registry' }];
  const all = ['registry', 'mirror', 'own'].map((name) => ({ name }));
  assert.equal(pullSecrets(config, { imagePullSecrets: ofRun }), all);
  assert.equal(pullSecrets({}, { imagePullSecrets: ofRun }), ofRun);
  assert.is(pullSecrets({}), undefined);
});

test('every mount has its volume and every volume its mount, with unique names', () => {
  const { volumes = [], container } = podOf({
    volumes: ['A', 'a'].map((name) => ({
      ...{ name, bindMount: { hostPath: `/srv/${name}`, containerPath: `/${name}`, mode: 'rw' as const } },
    })),
  });
  const names = volumes.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.equal(
    container.volumeMounts?.map(({ name }) => name),
    names,
  );
  assert.ok(names.every((name) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)));
});

test('the worker can write to a host path only if the policy allows it', () => {
  const bindMount = { hostPath: '/srv/d', containerPath: '/d', mode: 'ro' as const };
  const isReadOnly = (policy: Policy) =>
    podOf({ volumes: [{ name: 'd', bindMount }] }, policy).container.volumeMounts?.at(-1)?.readOnly;
  assert.is(isReadOnly({ hostPaths: [{ pathPrefix: '/srv', readOnly: true }] }), true);
  assert.is(isReadOnly({ hostPaths: [{ pathPrefix: '/srv' }] }), undefined);
});

test('what a retry cannot fix fails the Job; disruptions, faults of the node and what others added do not count', () => {
  const { podFailurePolicy, podReplacementPolicy, template } = jobOf().spec ?? {};
  assert.is(podReplacementPolicy, 'Failed');
  assert.is(template?.spec?.restartPolicy, 'Never');
  const inWorker = (values: readonly number[]) => ({ containerName: 'worker', operator: 'In', values });
  const ofRun = [exitCodes.spec, exitCodes.deadline, exitCodes.cancelledForGood, exitCodes.items];
  assert.equal(podFailurePolicy?.rules, [
    { action: 'FailJob', onExitCodes: inWorker(ofRun) },
    { action: 'Ignore', onExitCodes: inWorker([exitCodes.node]) },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'Count', onExitCodes: { containerName: 'worker', operator: 'NotIn', values: [0] } },
    { action: 'Count', onPodConditions: [{ type: 'Initialized', status: 'False' }] },
    { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
  ]);
});

test('the Job counts failed attempts, and each pod has their number before it', () => {
  const { completionMode, completions, backoffLimit, backoffLimitPerIndex } =
    jobOf({ backoffLimit: 2 }).spec ?? {};
  assert.equal(
    { completionMode, completions, backoffLimit, backoffLimitPerIndex },
    { completionMode: 'Indexed', completions: 1, backoffLimit: undefined, backoffLimitPerIndex: 2 },
  );
  const variable = podOf().container.env?.find(({ name }) => name === 'DOCKERRUN_FAILED_ATTEMPTS');
  const fieldPath = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']";
  assert.equal(variable?.valueFrom, { fieldRef: { fieldPath } });
});

test('the grace period of the pod is that of the target plus time for the worker to clean up', () => {
  assert.is(podOf({ terminationGracePeriodSeconds: 100 }).terminationGracePeriodSeconds, 130);
});

test('the pod has the nodeSelector of the run', () => {
  assert.equal(podOf({ nodeSelector: { gpu: 'yes' } }).nodeSelector, { gpu: 'yes' });
  assert.is(podOf().nodeSelector, undefined);
});

test.run();
