import { fullAffinity } from '../cli/full-spec.ts';
import { girder, id } from './refused-specs.ts';

const secretKeyRef = { name: 's', key: 'k' };
const upload = {
  filename: 'f',
  ifExists: 'NewItem',
  mimeType: 'text/plain',
  reference: 'r',
  metadata: { a: { b: [1, null] } },
};

const volumes = [
  { name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data', mode: 'ro,z' } },
  { name: 'fast', temporary: { sizeLimit: '1Gi' } },
  { name: 'big', temporary: { hostDir: '/srv/scratch' } },
  { name: 'keys', secret: { secretName: 's', containerPath: '/keys', items: [{ key: 'k', path: 'a/k' }] } },
  { name: 'settings', configMap: { name: 'c', containerPath: '/s', items: [{ key: 'k', path: 'k' }] } },
  { name: 'scratch', temporary: { containerPath: '/scratch' } },
  {
    name: 'cache',
    namedVolume: { volumeName: 'pip-cache', containerPath: '/cache', readOnly: false, create: true },
  },
  { name: 'models', persistentVolumeClaim: { claimName: 'models', containerPath: '/m', readOnly: true } },
];

const connects = [
  {
    input: { girderFileIdToStream: { fileId: id } },
    output: { namedInputPipe: { name: 'in', volume: 'fast' } },
  },
  {
    input: { namedOutputPipe: { name: 'out', volume: 'fast' } },
    output: {
      chunkedTransferEncodingStream: {
        url: 'https://example.org/x',
        headers: [
          { name: 'A', value: 'b' },
          { name: 'Authorization', valueFrom: { secretKeyRef } },
        ],
      },
    },
  },
  {
    input: { containerStdOut: {} },
    output: { girderStreamToItem: { itemId: id, ...upload } },
  },
  { input: { containerStdErr: {} }, output: { hostStdErr: {} } },
  { input: { containerStdOut: {} }, output: { slicerProgress: {} } },
  {
    input: { girderFileIdToStream: { path: '/collection/Study/scans/ct/ct.nrrd' } },
    output: { namedInputPipe: { name: 'at', volume: 'fast' } },
  },
  {
    input: { containerStdOut: {} },
    output: { girderStreamToItem: { path: '/collection/Study/results/log', ...upload } },
  },
];

const transforms = [
  { name: 'file', girderFileIdToVolume: { fileId: id, volume: 'data', filename: 'a/b.bin' } },
  { name: 'item', girderItemIdToVolume: { itemId: id, volume: 'data' } },
  { name: 'folder', girderFolderIdToVolume: { folderId: id, volume: 'data', folderName: 'set' } },
  {
    name: 'meta',
    girderMetadataToVolume: {
      itemId: id,
      volume: 'fast',
      filename: 'meta/item.json',
      containerPath: '/meta.json',
    },
  },
  { name: 'meta-of-folder', girderMetadataToVolume: { folderId: id } },
  { name: 'meta-at', girderMetadataToVolume: { path: '/collection/Study/scans' } },
  {
    name: 'file-at',
    girderFileIdToVolume: { path: '/collection/Study/scans/ct/ct.nrrd', containerPath: '/in/.ct' },
  },
  { name: 'item-at', girderItemIdToVolume: { path: '/user/jane/Public/ct', containerPath: '/item' } },
  { name: 'folder-at', girderFolderIdToVolume: { path: '/collection/Study/scans', containerPath: '/..set' } },
  { name: 'path-at', volumePath: { filename: 'in.bin', containerPath: '/one' } },
  { name: 'path', volumePath: { filename: 'out.bin', volume: 'data' } },
  { name: 'progress', progressPipe: { name: 'p', volume: 'fast' } },
  { name: 'token', secretKeyRef },
  { name: 'all', volumePath: { filename: '.', volume: 'data' } },
  { name: 'to', namedInputPipe: { name: 'to', volume: 'fast' } },
  { name: 'from', namedOutputPipe: { name: 'from', volume: 'fast' } },
  ...connects.map((connect, index) => ({ name: `connect-${index}`, connect })),
];

const resources = {
  requests: { cpu: 2, 'ephemeral-storage': '1Gi' },
  limits: { memory: '8Gi', cpu: '2.5', 'nvidia.com/gpu': 1 },
};

/** A spec that sets every field except those of `docker`, and every member of every union. */
export const everyField = {
  image: 'registry.example.org/a@sha256:0',
  imagePullPolicy: 'Always',
  imagePullSecrets: [{ name: 'registry' }],
  command: ['a'],
  args: ['$(file)', '$(path)', '$(data)', '$(temporaryVolume)'],
  env: [
    { name: 'A', value: '' },
    { name: 'B', valueFrom: { secretKeyRef } },
    { name: 'D', valueFrom: { configMapKeyRef: secretKeyRef } },
  ],
  resources,
  volumes,
  dockerVolumes: { '/srv/atlas': { bind: '/atlas', mode: 'rw,Z' } },
  transforms,
  girderResultHooks: [
    {
      girderUploadVolumePathToItem: {
        volumePath: 'path',
        itemId: id,
        ...upload,
        metadataFile: 'meta/result.json',
        links: 'Skip',
        deleteFile: true,
      },
      when: 'Always',
      optional: true,
    },
    {
      girderUploadVolumePathToItem: {
        ...{
          volumePath: 'path',
          path: '/collection/Study/results/mask',
          ...upload,
          links: 'Skip',
          deleteFile: true,
        },
      },
      when: 'Always',
      optional: true,
    },
    {
      girderUploadVolumePathToFolder: {
        ...{
          volumePath: 'data',
          folderId: id,
          createFolder: false,
          ...upload,
          links: 'Follow',
          deleteFile: false,
        },
      },
      when: 'OnFailure',
      optional: false,
    },
    {
      girderUploadVolumePathToFolder: {
        ...{ volumePath: 'data', path: '/collection/Study/results', createFolder: true, ...upload },
        deleteFile: false,
      },
      when: 'OnSuccess',
      optional: false,
    },
  ],
  girder: {
    ...girder,
    job: { id, tokenSecretRef: secretKeyRef },
    log: { path: '/collection/Study/logs', createFolder: true, when: 'OnFailure' },
  },
  docker: { shmSize: '64m', user: 1000, capDrop: ['ALL'], ulimits: [{ name: 'nofile', soft: 10, hard: 20 }] },
  removeContainer: false,
  terminationGracePeriodSeconds: 0,
  startDeadlineSeconds: 1,
  uploadDeadlineSeconds: 1,
  activeDeadlineSeconds: 1,
  backoffLimit: 2,
  disruptionLimit: 3,
  ttlSecondsAfterFinished: 0,
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  suspend: true,
  cancel: false,
  priorityClassName: 'high',
  schedulerName: 'default-scheduler',
  tolerations: [
    { key: 'gpu', operator: 'Equal', value: 'a100', effect: 'NoSchedule' },
    { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
  ],
  affinity: fullAffinity,
  podMetadata: {
    labels: { team: 'imaging' },
    annotations: { 'example.org/note': 'for people', 'Example.org/Note': 'too' },
  },
  forEach: {
    set: { name: 'nuclei', namespace: 'lab' },
    version: '2026-11',
    each: 'Folder',
    log: 'OnFailure',
    isCautious: true,
    items: [
      {
        id,
        name: 'case-1',
        recipe: '0'.repeat(64),
        updated: '2026-11-29T00:00:00Z',
        size: 1,
        values: { 'item.meta.mpp': '0.25' },
        attempts: 1,
        result: { folderId: id, name: 'case-1' },
      },
    ],
  },
};

const { girder: _, forEach: __, ...template } = everyField;

/** Two specs of a DockerRunSet that have all of its fields together: some exclude each other. */
export const everySetField = [
  {
    girder: { apiUrl: girder.apiUrl, credentialsSecretRef: { name: 'girder' } },
    source: {
      folder: { id },
      recursive: false,
      each: 'Folder',
      names: ['*.svs'],
      where: 'item.size > 0',
      settleSeconds: 1,
    },
    results: {
      folder: { path: '/collection/Study/results' },
      createFolder: false,
      place: 'Mirror',
      log: 'OnFailure',
      whenInputIsGone: 'Delete',
    },
    template: { spec: template },
    version: '2026-11',
    parallelism: 40,
    chunk: { items: 100, seconds: 60 },
    retries: 0,
    escalate: { onOOM: ['32Gi', '64Gi'] },
    canary: 0,
    failureBudget: { percent: 5, consecutive: 20 },
    watch: { every: '10m', verifyEvery: '1h30m' },
    retryFailed: 'today',
    dryRun: true,
    suspend: true,
    cancel: false,
  },
  {
    girder: { apiUrl: girder.apiUrl, credentialsSecretRef: { name: 'girder' } },
    source: {
      folder: { path: '/collection/Study/scans' },
      recursive: true,
      each: 'Item',
      settleSeconds: 60,
    },
    results: { createFolder: true, place: 'Input', log: 'Never', whenInputIsGone: 'Keep' },
    template: { spec: template },
    parallelism: 10,
    retries: 2,
    canary: 3,
    schedule: { cron: '0 2 * * *', timeZone: 'Europe/Berlin' },
    dryRun: false,
    suspend: false,
    cancel: false,
  },
];
