import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { optOutAnnotations, optOutLabels } from '../../../src/controller/job/injectors.ts';
import { type Ending, parseEnding, parsePlan } from '../../../src/api/run-plan.ts';
import { parseJob, parsePod } from '../../../src/controller/observe/parse.ts';
import { desiredCleanupJob } from '../../../src/controller/job/cleanup-job.ts';
import { aSpec, metadata, specOf, workerConfig } from '../../fixtures/builders.ts';
import { expandAsKubelet } from '../../fixtures/builders-expansion.ts';

const ending: Ending = { kind: 'failed', message: 'It cost $(money).' };
const spec = {
  ...specOf({
    image: 'busybox',
    env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'of-the-target', key: 'k' } } }],
    imagePullSecrets: [{ name: 'of-the-registry' }],
    resources: { limits: { memory: '64Gi', 'nvidia.com/gpu': 1 } },
    nodeSelector: { gpu: 'yes' },
    girder: {
      apiUrl: 'http://girder/api/v1',
      credentialsSecretRef: { name: 'of-girder' },
      job: { id: '5e4d3c2b1a0f9e8d7c6b5a49', tokenSecretRef: { name: 'of-the-job', key: 'token' } },
    },
    volumes: [
      { name: 'scratch', temporary: { hostDir: '/srv/scratch' } },
      { name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data', mode: 'ro' } },
    ],
    transforms: [
      {
        name: 'out',
        connect: {
          input: { namedOutputPipe: { name: 'out', volume: 'data' } },
          output: {
            chunkedTransferEncodingStream: {
              url: 'http://far/',
              headers: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'of-the-stream', key: 'k' } } }],
            },
          },
        },
      },
    ],
  }),
};

function jobFor(node: string | undefined) {
  const policy = { hostPaths: [{ pathPrefix: '/srv' }] };
  const job = desiredCleanupJob({ metadata, spec }, { node, ending }, workerConfig, policy);
  const pod = job.spec?.template.spec;
  const container = pod?.containers[0];
  if (pod === undefined || container === undefined) throw new Error('the Job has no pod template');
  const secrets = (pod.volumes ?? []).flatMap(({ secret }) => (secret === undefined ? [] : [secret]));
  return { job, pod, container, secrets };
}

const valueOf = ({ container }: ReturnType<typeof jobFor>, wanted: string) =>
  expandAsKubelet(container.env?.find(({ name }) => name === wanted)?.value ?? '', new Map());

test('the cleanup Job is owned and watched like the Job of the run, and its pods are not attempts', () => {
  const { job } = jobFor('node-1');
  const seen = parseJob(job);
  assert.is(seen.ownerUid, metadata.uid);
  assert.is(seen.name, 'segment-0b9ad1c6-cleanup');
  assert.is(job.metadata?.labels?.['dockerrun.dev/run-uid'], metadata.uid);
  assert.equal(job.spec?.template.metadata?.labels, {
    ...optOutLabels,
    'dockerrun.dev/cleaned-up-run-uid': metadata.uid,
  });
  assert.equal(job.spec?.template.metadata?.annotations, optOutAnnotations);
  assert.is(parsePod(job.spec?.template).runUid, '');
});

test("its image is pulled with the same Secrets as the run's", () => {
  assert.equal(jobFor('node-1').pod.imagePullSecrets, [{ name: 'of-the-registry' }]);
  assert.equal(jobFor(undefined).pod.imagePullSecrets, [{ name: 'of-the-registry' }]);
});

test('it runs once unless its pod is rejected, for two minutes at most, and is deleted ten minutes after its end', () => {
  const { activeDeadlineSeconds, ttlSecondsAfterFinished, podFailurePolicy } =
    jobFor('node-1').job.spec ?? {};
  assert.equal([activeDeadlineSeconds, ttlSecondsAfterFinished], [120, 600]);
  const onExitCodes = { containerName: 'worker', operator: 'NotIn', values: [0] };
  assert.equal(podFailurePolicy, { rules: [{ action: 'FailJob', onExitCodes }] });
});

test('on a node, it tolerates every taint and has the volumes, but nothing that only the target needs', () => {
  const created = jobFor('node-1');
  const { pod, container, secrets } = created;
  assert.equal(container.args, ['worker', 'cleanup']);
  const affinity = pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }];
  assert.equal(affinity?.nodeSelectorTerms, [{ matchFields }]);
  assert.equal(pod.tolerations, [{ operator: 'Exists' }]);
  assert.is(pod.nodeSelector, undefined);
  assert.equal(container.resources, {
    requests: { cpu: '100m', memory: '256Mi' },
    limits: { cpu: '1', memory: '256Mi' },
  });
  const paths = pod.volumes?.flatMap(({ hostPath }) => (hostPath === undefined ? [] : [hostPath.path]));
  assert.equal(paths, ['/var/run/docker.sock', '/var/lib/kubelet/pods', '/srv', '/srv']);
  const subPaths = container.volumeMounts?.flatMap(({ subPath = [] }) => subPath);
  assert.equal(subPaths, ['.', 'data'], 'the pod would create what it removes');
  assert.equal(
    secrets.map(({ secretName, optional }) => [secretName, optional]),
    [['of-the-job', true]],
  );
});

test('the plan and the ending reach the worker unchanged', () => {
  const created = jobFor('node-1');
  const plan = parsePlan(valueOf(created, 'DOCKERRUN_PLAN'));
  assert.is(plan.run.uid, metadata.uid);
  assert.equal(plan.spec.volumes, spec.volumes);
  assert.equal(parseEnding(valueOf(created, 'DOCKERRUN_ENDING')), ending);
});

test('a Job that only reports needs no node and mounts only the token', () => {
  const { pod, container } = jobFor(undefined);
  assert.equal(container.args, ['worker', 'report']);
  assert.equal([pod.affinity, pod.nodeSelector, pod.tolerations], [undefined, undefined, undefined]);
  assert.equal(
    pod.volumes?.map(({ secret }) => secret?.secretName),
    ['of-the-job'],
  );
});

test('the cleanup Job of a run without a Girder job has a plan as well', () => {
  const run = { metadata, spec: aSpec({ volumes: [{ name: 's', temporary: { hostDir: '/srv/s' } }] }) };
  const job = desiredCleanupJob(run, { node: 'n', ending }, workerConfig, {});
  const env = job.spec?.template.spec?.containers[0]?.env ?? [];
  assert.is(parsePlan(env[0]?.value).spec.girder, undefined);
});

test.run();
