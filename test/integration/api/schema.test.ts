import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { environment } from '../../e2e/support/environment.ts';
import { execute, succeed } from '../../e2e/support/shell.ts';

const id = '0123456789abcdef01234567';
const girder = { apiUrl: 'https://data.example.org/api/v1', credentialsSecretRef: { name: 'girder' } };

/** What `kubectl apply` says of a DockerRun with this spec, without storing it. */
async function refusal(spec: unknown): Promise<string> {
  environment('KUBECONFIG');
  const manifest = {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'schema' },
    spec,
  };
  const { code, stderr } = await execute('kubectl', ['apply', '--dry-run=server', '-f', '-'], {
    input: stringify(manifest),
  });
  return code === 0 ? 'accepted' : stderr;
}

const refused: Record<string, { spec: unknown; says: RegExp }> = {
  'no spec': { spec: undefined, says: /spec: Required/ },
  'no image': { spec: {}, says: /spec\.image: Required/ },
  'an empty image': { spec: { image: '' }, says: /spec\.image/ },
  'a number for an image': { spec: { image: 3 }, says: /spec\.image.*string/ },
  'an unknown field': { spec: { image: 'a', imagee: 'b' }, says: /unknown field "spec\.imagee"/ },
  'a field of a later version': {
    spec: { image: 'a', suspend: true },
    says: /unknown field "spec\.suspend"/,
  },
  'a text for args': { spec: { image: 'a', args: 'b' }, says: /spec\.args.*array/ },
  'a number among args': { spec: { image: 'a', args: [1] }, says: /spec\.args\[0\].*string/ },
  'an unknown pull policy': { spec: { image: 'a', imagePullPolicy: 'Sometimes' }, says: /imagePullPolicy/ },
  'a transform without a kind': { spec: { image: 'a', transforms: [{ name: 'x' }] }, says: /exactly one of/ },
  'a transform of two kinds': {
    spec: {
      image: 'a',
      girder,
      transforms: [{ name: 'x', volumePath: { filename: 'f' }, girderFileIdToVolume: { fileId: id } }],
    },
    says: /exactly one of/,
  },
  'two transforms of one name': {
    spec: { image: 'a', transforms: ['a', 'b'].map((filename) => ({ name: 'x', volumePath: { filename } })) },
    says: /Duplicate value/,
  },
  'a transform named temporaryVolume': {
    spec: { image: 'a', transforms: [{ name: 'temporaryVolume', volumePath: { filename: 'f' } }] },
    says: /every run has/,
  },
  'a name that no argument could use': {
    spec: { image: 'a', transforms: [{ name: 'a b', volumePath: { filename: 'f' } }] },
    says: /transforms\[0\]\.name/,
  },
  'an absolute filename': {
    spec: { image: 'a', transforms: [{ name: 'x', volumePath: { filename: '/etc/passwd' } }] },
    says: /inside the volume/,
  },
  'a filename that leaves its volume': {
    spec: { image: 'a', transforms: [{ name: 'x', volumePath: { filename: 'a/../../b' } }] },
    says: /inside the volume/,
  },
  'an id that is none': {
    spec: { image: 'a', girder, transforms: [{ name: 'x', girderFileIdToVolume: { fileId: 'nosuch' } }] },
    says: /fileId/,
  },
  'a download without Girder': {
    spec: { image: 'a', transforms: [{ name: 'x', girderFileIdToVolume: { fileId: id } }] },
    says: /girder is required/,
  },
  'Girder without credentials': {
    spec: { image: 'a', girder: { apiUrl: girder.apiUrl } },
    says: /credentialsSecretRef/,
  },
  'an address that is none': { spec: { image: 'a', girder: { ...girder, apiUrl: 'data' } }, says: /apiUrl/ },
  'a relative host path': {
    spec: { image: 'a', volumes: [{ name: 'x', bindMount: { hostPath: 'a', containerPath: '/a' } }] },
    says: /hostPath/,
  },
  'a host path with ..': {
    spec: {
      image: 'a',
      volumes: [{ name: 'x', bindMount: { hostPath: '/srv/../etc', containerPath: '/a' } }],
    },
    says: /without '\.'/,
  },
  'an unknown mode': {
    spec: { image: 'a', dockerVolumes: { '/a': { bind: '/b', mode: 'rx' } } },
    says: /mode/,
  },
  'a docker volume that is no path': {
    spec: { image: 'a', dockerVolumes: { a: { bind: '/b' } } },
    says: /absolute/,
  },
  'a value and its source': {
    spec: {
      image: 'a',
      env: [{ name: 'A', value: 'b', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
    },
    says: /not both/,
  },
  'a quantity that is none': {
    spec: { image: 'a', resources: { limits: { memory: 'much' } } },
    says: /limits/,
  },
  'a resource that does not bind the target': {
    spec: { image: 'a', resources: { limits: { 'nvidia.com/gpu': 1 } } },
    says: /only cpu and memory/,
  },
  'a deadline of 0': { spec: { image: 'a', activeDeadlineSeconds: 0 }, says: /activeDeadlineSeconds/ },
  'a negative backoffLimit': { spec: { image: 'a', backoffLimit: -1 }, says: /backoffLimit/ },
};

for (const [what, { spec, says }] of Object.entries(refused)) {
  test(`kubectl apply refuses ${what} and says why`, async () => {
    assert.match(await refusal(spec), says);
  });
}

test('kubectl apply accepts a run with every field', async () => {
  const answer = await refusal({
    image: 'registry.example.org/a@sha256:0',
    imagePullPolicy: 'Always',
    command: ['a'],
    args: ['$(in)', '$(out)', '$(data)', '$(temporaryVolume)'],
    env: [
      { name: 'A', value: '' },
      { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ],
    resources: { requests: { cpu: 2 }, limits: { memory: '8Gi', cpu: '2.5' } },
    volumes: [{ name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data', mode: 'ro' } }],
    dockerVolumes: { '/srv/atlas': { bind: '/atlas' } },
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId: id, volume: 'data', filename: 'a/b.bin' } },
      { name: 'out', volumePath: { filename: 'out.bin' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId: id } }],
    girder,
    startDeadlineSeconds: 1,
    activeDeadlineSeconds: 1,
    backoffLimit: 2,
    ttlSecondsAfterFinished: 0,
    nodeSelector: { 'kubernetes.io/os': 'linux' },
  });
  assert.is(answer, 'accepted');
});

test('kubectl explain has a text for every field of the spec', async () => {
  const text = await succeed('kubectl', ['explain', 'dockerrun.spec', '--recursive=false']);
  assert.not.match(text, '<no description>');
});

test.run();
