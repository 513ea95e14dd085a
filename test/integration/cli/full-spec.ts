const id = '0123456789abcdef01234567';
const secretKeyRef = { name: 's', key: 'k' };

/** A spec with every kind of field as a user writes it: without the defaults. */
export const fullSpec = {
  image: 'registry.example.org/a:1',
  imagePullPolicy: 'Always',
  imagePullSecrets: [{ name: 'registry' }],
  command: ['a'],
  args: ['$(ct)', '$(data)', '$(temporaryVolume)'],
  env: [{ name: 'A', value: '' }, { name: 'B', valueFrom: { secretKeyRef } }, { name: 'C' }],
  resources: { requests: { cpu: 2 }, limits: { memory: '8Gi', cpu: '2.5', 'nvidia.com/gpu': 1 } },
  volumes: [
    { name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data' } },
    { name: 'fast', temporary: { sizeLimit: '1Gi' } },
    { name: 'here', temporary: { hostDir: '/srv/fast' } },
    { name: 'models', persistentVolumeClaim: { claimName: 'models', containerPath: '/models' } },
  ],
  dockerVolumes: { '/srv/atlas': { bind: '/atlas' }, '/srv/notes': { bind: '/notes', mode: 'ro' } },
  transforms: [
    { name: 'ct', girderFileIdToVolume: { fileId: id, volume: 'data', filename: 'a/b.bin' } },
    { name: 'item', girderItemIdToVolume: { itemId: id } },
    { name: 'folder', girderFolderIdToVolume: { folderId: id, folderName: 'f' } },
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
