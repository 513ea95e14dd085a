import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { apiVersion, kind, policyKind, policyName } from '../../../src/api/names.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';

/** A user of namespace `default` tries to get around the policy, through the real API server and controller. */

const namespace = 'default';
const spec = {
  dockerOptions: [{ option: 'ports' }],
  hostPorts: [{ first: 30_000, last: 30_100 }],
  dockerRequired: { network: 'targets', readOnly: true },
  podMetadata: { labels: [{ key: 'team' }, { key: 'sidecar.istio.io/inject' }] },
  max: {
    activeDeadlineSeconds: 100,
    ttlSecondsAfterFinished: 60,
    backoffLimit: 1,
    resources: { memory: '1Gi' },
  },
  runDefaults: { resources: { limits: { cpu: '1' } } },
};

const attacks: Record<string, { spec: object; reason: string }> = {
  sidecar: {
    spec: { podMetadata: { annotations: { 'sidecar.istio.io/proxyImage': 'evil' } } },
    reason: 'PodMetadataNotAllowed',
  },
  devices: {
    spec: { podMetadata: { annotations: { 'io.kubernetes.cri-o.Devices': '/dev/sda' } } },
    reason: 'PodMetadataNotAllowed',
  },
  network: { spec: { docker: { networkMode: 'bridge' } }, reason: 'DockerOptionNotAllowed' },
  writable: { spec: { docker: { readOnly: false } }, reason: 'DockerOptionNotAllowed' },
  port: { spec: { docker: { ports: { '80/tcp': 22 } } }, reason: 'DockerOptionNotAllowed' },
  deadline: { spec: { activeDeadlineSeconds: 101 }, reason: 'PolicyBoundExceeded' },
  memory: { spec: { resources: { requests: { memory: '2Gi' } } }, reason: 'PolicyBoundExceeded' },
  retries: { spec: { backoffLimit: 100 }, reason: 'PolicyBoundExceeded' },
  priority: { spec: { priorityClassName: 'system-node-critical' }, reason: 'SchedulingNotAllowed' },
  taints: { spec: { tolerations: [{ operator: 'Exists' }] }, reason: 'SchedulingNotAllowed' },
  kept: { spec: { removeContainer: false }, reason: 'KeptContainerNotAllowed' },
};

type Context = { plane: ControlPlane; controller: ControllerProcess };
const test = suite<Context>('policy');

test.before(async (context) => {
  context.plane = await startControlPlane();
  const { client, kubeconfig } = context.plane;
  const metadata = { name: policyName };
  await client.create(paths.policies(), { apiVersion, kind: policyKind, metadata, spec });
  context.controller = await ControllerProcess.start(kubeconfig);
});

test.after(async ({ plane, controller }) => {
  await controller[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

async function ran({ plane: { client } }: Context, name: string, given: object): Promise<unknown> {
  const metadata = { name };
  const body = { apiVersion, kind, metadata, spec: { image: 'busybox', ...given } };
  await client.create(paths.dockerRuns(namespace), body);
  return client.until(`${paths.dockerRuns(namespace)}/${name}`, 'accepted or refused', {
    holds: (run) =>
      textAt(recordAt(run, 'status'), 'jobName') !== undefined ||
      textAt(recordAt(run, 'status'), 'phase') === 'Failed',
  });
}

for (const [name, { spec: given, reason }] of Object.entries(attacks)) {
  test(`the attack "${name}" is refused with ${reason}, and has no Job`, async (context) => {
    const status = recordAt(await ran(context, name, given), 'status');
    assert.is(textAt(status, 'reason'), reason);
    assert.is(textAt(status, 'jobName'), undefined);
  });
}

test('a good run gets what the policy requires, and its pod opts out of injectors', async (context) => {
  const labels = { team: 'imaging', 'sidecar.istio.io/inject': 'true' };
  const run = await ran(context, 'good', { podMetadata: { labels }, docker: { readOnly: true } });
  const jobName = textAt(recordAt(run, 'status'), 'jobName') ?? '';
  const job = await context.plane.client.get(`/apis/batch/v1/namespaces/${namespace}/jobs/${jobName}`);
  const template = recordAt(recordAt(job, 'spec'), 'template');
  const metadata = recordAt(template, 'metadata');
  assert.is(recordAt(metadata, 'labels')['team'], 'imaging');
  assert.is(recordAt(metadata, 'labels')['sidecar.istio.io/inject'], 'false');
  assert.is(recordAt(metadata, 'annotations')['vault.hashicorp.com/agent-inject'], 'false');
  const [worker] = listAt(recordAt(template, 'spec'), 'containers');
  const text = JSON.stringify(worker);
  for (const part of ['targets', 'activeDeadlineSeconds\\":100', 'memory\\":\\"1Gi', 'cpu\\":\\"1'])
    assert.ok(text.includes(part), part);
});

test.run();
