const id = '0123456789abcdef01234567';
const secretKeyRef = { name: 's', key: 'k' };

const selector = {
  matchLabels: { app: 'viewer' },
  matchExpressions: [
    { key: 'tier', operator: 'In', values: ['a', 'b'] },
    { key: 'old', operator: 'DoesNotExist' },
  ],
};

const nodes = {
  matchExpressions: [
    { key: 'disk', operator: 'NotIn', values: ['tape'] },
    { key: 'cores', operator: 'Gt', values: ['8'] },
  ],
  matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }],
};

const pods = {
  labelSelector: selector,
  matchLabelKeys: ['team'],
  mismatchLabelKeys: ['user'],
  namespaces: ['lab'],
  namespaceSelector: {},
  topologyKey: 'kubernetes.io/hostname',
};

const besidePods = {
  requiredDuringSchedulingIgnoredDuringExecution: [pods],
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: pods }],
};

/** An affinity with every field that Kubernetes has. */
export const fullAffinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [nodes] },
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: nodes }],
  },
  podAffinity: besidePods,
  podAntiAffinity: besidePods,
};

/** A spec with every kind of field as a user writes it: without the defaults. */
export const fullSpec = {
  image: 'registry.example.org/a:1',
  imagePullPolicy: 'Always',
  imagePullSecrets: [{ name: 'registry' }],
  command: ['a'],
  affinity: fullAffinity,
  args: ['$(ct)', '$(data)', '$(temporaryVolume)'],
  env: [{ name: 'A', value: '' }, { name: 'B', valueFrom: { secretKeyRef } }, { name: 'C' }],
  resources: { requests: { cpu: 2 }, limits: { memory: '8Gi', cpu: '2.5', 'nvidia.com/gpu': 1 } },
  volumes: [
    { name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data' } },
    { name: 'keys', secret: { secretName: 's', containerPath: '/keys', items: [{ key: 'k', path: 'a/k' }] } },
    { name: 'settings', configMap: { name: 'c', containerPath: '/settings' } },
    { name: 'fast', temporary: { sizeLimit: '1Gi' } },
    { name: 'here', temporary: { hostDir: '/srv/fast' } },
    { name: 'cache', namedVolume: { volumeName: 'pip-cache', containerPath: '/cache' } },
    { name: 'models', persistentVolumeClaim: { claimName: 'models', containerPath: '/models' } },
  ],
  dockerVolumes: { '/srv/atlas': { bind: '/atlas' }, '/srv/notes': { bind: '/notes', mode: 'ro' } },
  transforms: [
    { name: 'ct', girderFileIdToVolume: { fileId: id, volume: 'data', filename: 'a/b.bin' } },
    { name: 'item', girderItemIdToVolume: { itemId: id } },
    { name: 'folder', girderFolderIdToVolume: { folderId: id, folderName: 'f' } },
    { name: 'by-path', girderItemIdToVolume: { path: '/user/jane/Public/a\\-b' } },
    { name: 'out', volumePath: { filename: 'out.bin' } },
    {
      name: 'live',
      connect: {
        input: { girderFileIdToStream: { fileId: id } },
        output: { namedInputPipe: { name: 'live' } },
      },
    },
    { name: 'log', connect: { input: { namedOutputPipe: { name: 'log' } }, output: { hostStdOut: {} } } },
    {
      name: 'post',
      connect: {
        input: { containerStdErr: {} },
        output: {
          chunkedTransferEncodingStream: {
            url: 'https://example.org/in',
            headers: [{ name: 'Authorization', valueFrom: { secretKeyRef } }],
          },
        },
      },
    },
    {
      name: 'stream',
      connect: {
        input: { containerStdOut: {} },
        output: { girderStreamToItem: { itemId: id, filename: 'out.txt', metadata: { a: [1, null] } } },
      },
    },
    { name: 'progress', progressPipe: {} },
  ],
  girderResultHooks: [
    { girderUploadVolumePathToItem: { volumePath: 'out', itemId: id, metadata: { b: { c: 1 } } } },
    { girderUploadVolumePathToFolder: { volumePath: 'fast', folderId: id }, when: 'Always', optional: true },
    { girderUploadVolumePathToFolder: { volumePath: 'fast', path: '/collection/a/b', createFolder: true } },
  ],
  girder: {
    apiUrl: 'https://data.example.org/api/v1',
    credentialsSecretRef: { name: 'girder' },
    job: { id, tokenSecretRef: secretKeyRef },
  },
  docker: {
    user: 1000,
    groupAdd: ['video', 44],
    labels: { team: 'imaging' },
    tmpfs: { '/run': 'size=64m' },
    shmSize: '64m',
    ulimits: [{ name: 'nofile', soft: 1024 }],
    networkMode: 'none',
    capAdd: ['SYS_PTRACE'],
  },
  removeContainer: false,
  startDeadlineSeconds: 1,
  uploadDeadlineSeconds: 1,
  activeDeadlineSeconds: 1,
  ttlSecondsAfterFinished: 0,
  nodeSelector: { 'kubernetes.io/os': 'linux' },
};
