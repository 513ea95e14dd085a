import type { FailureReason } from '../../../src/api/reasons.ts';
import { docker, fine, noOption, type PolicyCases } from './policy-case.ts';

const refusedFor = (refused: FailureReason) => (what: string, spec: Record<string, unknown>) => ({
  what,
  spec,
  refused,
});
const noMetadata = refusedFor('PodMetadataNotAllowed');
const noScheduling = refusedFor('SchedulingNotAllowed');
const tooMuch = refusedFor('PolicyBoundExceeded');
const noKept = refusedFor('KeptContainerNotAllowed');

const labels = (...keys: string[]) => ({
  podMetadata: { labels: Object.fromEntries(keys.map((key) => [key, 'true'])) },
});
const annotations = (...keys: string[]) => ({
  podMetadata: { annotations: Object.fromEntries(keys.map((key) => [key, 'true'])) },
});
const tolerating = (...tolerations: object[]) => ({ tolerations });
const controlPlane = 'node-role.kubernetes.io/control-plane';

const named = (volumeName: string, more: object = {}) => ({
  volumes: [{ name: 'cache', namedVolume: { volumeName, containerPath: '/cache', ...more } }],
});
const noVolume = refusedFor('NamedVolumeNotAllowed');

const namedVolumes: PolicyCases = {
  policy: [
    'namedVolumes: [{ name: atlas, readOnly: true }, { name: new-*, create: true }]',
    'namespaces: [{ names: ["*"], namedVolumes: [{ name: cache-* }] }]',
  ].join('\n'),
  cases: [
    fine('a volume that is allowed', named('cache-1')),
    fine('the same, only read', named('cache-1', { readOnly: true })),
    noVolume('a volume that is not listed', named('cache')),
    noVolume('a volume with the name of an allowed one in it', named('x-cache-1')),
    fine('a volume that may be read, only read', named('atlas', { readOnly: true })),
    noVolume('a volume that may be read, written', named('atlas')),
    noVolume('creating a volume that may be used', named('cache-1', { create: true })),
    fine('creating a volume that may be created', named('new-1', { create: true })),
    fine('using a volume that may be created', named('new-1', { readOnly: true })),
  ],
};

const asShipped: PolicyCases = {
  policy: '{}',
  cases: [
    noVolume('a named volume, only read', named('cache', { readOnly: true })),
    fine('no metadata', { podMetadata: { labels: {}, annotations: {} } }),
    ...['sidecar.istio.io/inject', 'team', 'azure.workload.identity/use'].map((key) =>
      noMetadata(`the label ${key}`, labels(key)),
    ),
    ...[
      'sidecar.istio.io/userVolume',
      'vault.hashicorp.com/agent-copy-volume-mounts',
      'io.kubernetes.cri-o.Devices',
      'k8s.v1.cni.cncf.io/networks',
      'note',
    ].map((key) => noMetadata(`the annotation ${key}`, annotations(key))),
    noScheduling('the class of the control plane', { priorityClassName: 'system-node-critical' }),
    fine('another priority class', { priorityClassName: 'batch' }),
    fine('another scheduler', { schedulerName: 'volcano' }),
    noScheduling('tolerating every taint', tolerating({ operator: 'Exists' })),
    noScheduling('tolerating every taint by an empty key', tolerating({ key: '', operator: 'Exists' })),
    noScheduling('the control plane', tolerating({ key: controlPlane, operator: 'Exists' })),
    noScheduling('a cordon', tolerating({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' })),
    fine('a taint of the administrator', tolerating({ key: 'gpu', operator: 'Exists' })),
    fine('a lost node', tolerating({ key: 'node.kubernetes.io/unreachable', operator: 'Exists' })),
    noKept('a kept container', { removeContainer: false }),
  ],
};

const listed: PolicyCases = {
  policy: `priorityClassNames: [system-node-critical]
schedulerNames: [volcano]
keptContainers: true
tolerations: [{key: gpu, effects: [NoSchedule]}, {key: '${controlPlane}'}]
podMetadata: {labels: [{key: team, values: [imaging]}], annotations: [{key: 'example.org/*'}]}
dockerOptions: [{option: ports}]
hostPorts: [{first: 30000, last: 30100}, {first: 8080}]`,
  cases: [
    fine('a listed value of a label', { podMetadata: { labels: { team: 'imaging' } } }),
    noMetadata('another value of it', labels('team')),
    fine('a key that a pattern matches', annotations('example.org/note')),
    noMetadata('a key below another domain', annotations('evil.example.org/note')),
    fine('a listed class', { priorityClassName: 'system-node-critical' }),
    noScheduling('an unlisted class', { priorityClassName: 'batch' }),
    noScheduling('an unlisted scheduler', { schedulerName: 'mine' }),
    fine('a listed taint', tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' })),
    noScheduling('a listed taint with every effect', tolerating({ key: 'gpu', operator: 'Exists' })),
    fine('a listed taint of Kubernetes', tolerating({ key: controlPlane, operator: 'Exists' })),
    noScheduling('an unlisted taint', tolerating({ key: 'disk', operator: 'Exists' })),
    noScheduling('every taint', tolerating({ operator: 'Exists' })),
    fine('a kept container', { removeContainer: false }),
    fine('a port in a range', docker({ ports: { '80/tcp': 30_050, '81/tcp': '' } })),
    fine('a single port, at an address', docker({ ports: { '80/tcp': '127.0.0.1:8080' } })),
    noOption('a port of the system', docker({ ports: { '80/tcp': 22 } })),
    noOption('a port behind an allowed one', docker({ ports: { '80/tcp': '8080,[::1]:443' } })),
  ],
};

const everyTaint: PolicyCases = {
  policy: "tolerations: [{key: '**'}]",
  cases: [fine('every taint', tolerating({ operator: 'Exists' }))],
};

const required: PolicyCases = {
  policy:
    'dockerRequired: {network: targets, readOnly: true, pidsLimit: 100, dns: [10.0.0.53], user: "1000", init: true}\ndockerOptions: [{option: network}, {option: networkMode}]',
  cases: [
    fine('nothing set', {}),
    fine('the same values', docker({ network: 'targets', readOnly: true, dns: ['10.0.0.53'] })),
    ...['bridge', 'default', 'none', 'host'].map((networkMode) =>
      noOption(`networkMode ${networkMode}`, docker({ networkMode })),
    ),
    noOption('another network', docker({ network: 'bridge' })),
    noOption('a network turned off', docker({ networkDisabled: true })),
    noOption('the network in both spellings', docker({ network: 'targets', networkMode: 'bridge' })),
    noOption('a writable root', docker({ readOnly: false })),
    noOption('more processes', docker({ pidsLimit: 101 })),
    noOption('another name server', docker({ dns: ['10.0.0.53', '8.8.8.8'] })),
    noOption('root', docker({ user: '0' })),
    noOption('no init', docker({ init: false })),
    fine('an option that is open', docker({ hostname: 'h' })),
  ],
};

const bounded: PolicyCases = {
  policy: `max:
  activeDeadlineSeconds: 100
  startDeadlineSeconds: 7200
  ttlSecondsAfterFinished: 60
  terminationGracePeriodSeconds: 30
  backoffLimit: 2
  resources: {cpu: 500m, memory: 1Gi, nvidia.com/gpu: 1}`,
  cases: [
    fine('nothing set', {}),
    fine('values at their bounds', { activeDeadlineSeconds: 100, backoffLimit: 2 }),
    tooMuch('a long deadline', { activeDeadlineSeconds: 101 }),
    tooMuch('a long start', { startDeadlineSeconds: 7201 }),
    tooMuch('a long life after the end', { ttlSecondsAfterFinished: 61 }),
    tooMuch('a long stop', { terminationGracePeriodSeconds: 31 }),
    tooMuch('many retries', { backoffLimit: 3 }),
    fine('the same memory in another unit', { resources: { limits: { memory: '1024Mi' } } }),
    tooMuch('a large limit', { resources: { limits: { memory: '1025Mi' } } }),
    tooMuch('a large request', { resources: { requests: { memory: '2Gi' } } }),
    tooMuch('a large number', { resources: { requests: { cpu: 1 } } }),
    tooMuch('two GPUs', { resources: { limits: { 'nvidia.com/gpu': 2 } } }),
    fine('an unbounded resource', { resources: { limits: { 'example.org/fpga': 4 } } }),
  ],
};

export const runs: readonly PolicyCases[] = [asShipped, namedVolumes, listed, everyTaint, required, bounded];
