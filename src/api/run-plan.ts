import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { NamedValue } from './fields.ts';
import { type Category, type FailureReason, failureReasons } from './reasons.ts';
import { configMapKeysOf, secretKeysOf } from './spec-usage.ts';
import { dockerRunSpec, type DockerRunSpec } from './spec.ts';
import { withoutBounds } from './structural.ts';

/** Without the path: together with the spec, it must fit into one variable of the environment. */
const hostMount = Type.Object({
  /** The pod's volume that has the path: `podVolume` or `dockerPodVolume`. */
  volume: Type.String(),
  /** Whether the pod mounts it; else it is an entry of the policy itself, in which no run can write. */
  isMounted: Type.Boolean(),
  /** How many components of the path are the directory that it is mounted from. */
  baseDepth: Type.Integer({ minimum: 0 }),
  /** The index of that directory's own mount in the worker. */
  baseIndex: Type.Integer({ minimum: 0 }),
  /** Whether the worker must refuse a path that leads through a link. */
  isStrict: Type.Boolean(),
  /** Whether the directory with temporary volumes of other runs is in it and must be hidden from the target. */
  hides: Type.Boolean(),
});

/** A host path of the run, mounted below a directory of the policy. */
export type PlannedHostMount = Type.Static<typeof hostMount>;

/**
 * The controller writes it into the pod's environment. It holds the whole spec, so that a running pod never
 * sees a change, and no secret value: those are files in mounted Secrets.
 */
const runPlan = Type.Object({
  run: Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() }),
  spec: dockerRunSpec,
  /** The kubelet's root directory on the node, as the Docker Engine sees it; volumes of pods are below it. */
  kubeletRoot: Type.String(),
  hostMounts: Type.Optional(Type.Array(hostMount)),
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  girderRedirects: Type.Optional(Type.Array(Type.String())),
  /** Whether an image with the label for GPUs gets those of the node, even if its pod requests none. */
  gpusByLabel: Type.Optional(Type.Boolean()),
  /**
   * For the parent cgroup of the target; with a private cgroup namespace the worker cannot read it itself.
   */
  podCgroup: Type.Object({ root: Type.String(), qosClass: Type.Unsafe<QosClass>({ type: 'string' }) }),
});

/** The controller has checked the bounds; a run that started before an upgrade may be beyond those of today. */
const acceptedPlan = Type.Unsafe<RunPlan>(withoutBounds(runPlan) as object);

/** Kubernetes' QoS class of a pod; the kubelet derives the name of the pod's cgroup from it. */
export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';
export type RunPlan = Type.Static<typeof runPlan>;

const ending = Type.Object({
  kind: Type.Enum(['failed', 'cancelled'] as const),
  message: Type.String(),
});

/** The worker's exit code for each category of failure; the target's own exit code is in `status.target`. */
export const exitCodes = {
  done: 0,
  /** Only the user or the administrator can fix it: another attempt would fail in the same way. */
  spec: 64,
  stageIn: 65,
  start: 66,
  upload: 67,
  internal: 68,
  target: 69,
  deadline: 70,
  cancelled: 71,
  /**
   * The run was cancelled for good; a pod that was only asked to stop ends with `cancelled` and may be
   * retried.
   */
  cancelledForGood: 72,
  /** The node is at fault and the target has not started: the Job replaces the pod without counting it. */
  node: 73,
  /** Some inputs of `forEach` failed, each for a reason of its own; all others are done. */
  items: 74,
} as const satisfies Record<Category | 'done', number>;

/** The exit codes that the Job does not retry: another attempt would fail again, or is not wanted. */
export const finalExitCodes = [
  exitCodes.spec,
  exitCodes.deadline,
  exitCodes.cancelledForGood,
  exitCodes.items,
];

export function exitCodeOf(reason: FailureReason): number {
  return exitCodes[failureReasons[reason].category];
}

/** The environment variables of the worker's pod. */
export const workerEnvironment = {
  plan: 'DOCKERRUN_PLAN',
  podUid: 'DOCKERRUN_POD_UID',
  nodeName: 'DOCKERRUN_NODE_NAME',
  /** How many attempts of the run failed before this one. */
  failedAttempts: 'DOCKERRUN_FAILED_ATTEMPTS',
  logLevel: 'DOCKERRUN_LOG_LEVEL',
  /** Additional CA certificates in PEM. */
  caBundle: 'DOCKERRUN_CA_BUNDLE',
  /** Own names: a cluster may inject the usual ones into pods for proxies that do not reach Girder. */
  httpProxy: 'DOCKERRUN_HTTP_PROXY',
  httpsProxy: 'DOCKERRUN_HTTPS_PROXY',
  noProxy: 'DOCKERRUN_NO_PROXY',
  /** For a cleanup, how the run ended: an {@link Ending} as JSON. */
  ending: 'DOCKERRUN_ENDING',
} as const;

/**
 * `cleanup` removes what a lost worker left on the node and reports the run's end to Girder; `report` only
 * reports the end.
 */
export type CleanupMode = 'cleanup' | 'report';

/** How a run ended, for its job in Girder. */
export type Ending = { readonly kind: 'failed' | 'cancelled'; readonly message: string };

/** @throws an error if the text is not an {@link Ending} in JSON. */
export function parseEnding(text: string | undefined): Ending {
  const value: unknown = JSON.parse(text ?? 'null');
  if (Value.Check(ending, value)) return value;
  throw new TypeError(`${workerEnvironment.ending} is not the end of a run`);
}

/** Paths in the worker's container where the controller mounts Secrets, volumes and the Docker socket. */
export const workerPaths = {
  dockerSocket: '/dockerrun/docker.sock',
  girderSecret: '/dockerrun/secrets/girder',
  /** The directory with the keys of the Secret with index `secret` in secretKeysOf(spec). */
  secretKeys: (secret: number) => `/dockerrun/secrets/keys/${secret}`,
  /** The directory with the keys of the ConfigMap with index `configMap` in configMapKeysOf(spec). */
  configMapKeys: (configMap: number) => `/dockerrun/config-maps/${configMap}`,
  /** The directory with the credentials of spec.imagePullSecrets[secret]. */
  pullSecret: (secret: number) => `/dockerrun/secrets/pull/${secret}`,
  /** Holds the streams that become a file in Girder, until their size is known. */
  spool: '/dockerrun/spool',
  /** The pod's directory of volumes on the node, which the kubelet manages. */
  podVolumes: '/dockerrun/pod-volumes',
  volume: (name: string) => `/dockerrun/volumes/${name}`,
  /** spec.dockerVolumes, by their index; the worker only looks at them. */
  dockerVolume: (index: number) => `/dockerrun/docker-volumes/${index}`,
  /** The kubelet's directories of this pod's mounts with a subPath, which are what the engine mounts. */
  podSubPaths: '/dockerrun/pod-subpaths',
  /** The directory of the policy that host paths are mounted from, by `baseIndex`. */
  hostBase: (index: number) => `/dockerrun/host-paths/${index}`,
  /** The temporary volumes of other runs, only to check what a volume of the pod must hide. */
  hiddenPlace: (podVolume: string) => `/dockerrun/hidden/${podVolume}`,
  /** The hostDir of a temporary volume, by the index of the volume. */
  hostDirectory: (volume: number) => `/dockerrun/host-directories/${volume}`,
} as const;

/**
 * The Job controller sets it on a pod to the number of failures of its index
 * (https://kubernetes.io/docs/reference/labels-annotations-taints/#batch-kubernetes-io-job-index-failure-count).
 */
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';

/** The file of a key in `workerPaths.secretKeys`; numbered, because not every key is a good file name. */
export const secretKeyFile = (key: number) => `key-${key}`;

/** The pod's volume for `$(temporaryVolume)`. */
export const temporaryPodVolume = 'temporary-volume';

/** The pod's volume for spec.volumes[volume]. */
export const podVolume = (volume: number) => `volume-${volume}`;

/** The pod's volume for the entry of spec.dockerVolumes with this index. */
export const dockerPodVolume = (index: number) => `docker-volume-${index}`;

/** The pod's volume for the hostDir of spec.volumes[volume]. */
export const hostDirPodVolume = (volume: number) => `host-dir-${volume}`;

/** The pod's empty directory that targets see in place of other runs' temporary volumes. */
export const hiddenPodVolume = 'hidden';

/** @throws an error if the text is not a {@link RunPlan} in JSON. */
export function parsePlan(text: string | undefined): RunPlan {
  if (text === undefined) throw new TypeError(`${workerEnvironment.plan} is not set`);
  const value: unknown = JSON.parse(text);
  if (Value.Check(acceptedPlan, value)) return value;
  const [first] = Value.Errors(acceptedPlan, value);
  throw new TypeError(
    `${workerEnvironment.plan}${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'}`,
  );
}

/** The pod's volume for the Secret with index `secret` in secretKeysOf(spec). */
export const secretPodVolume = (secret: number) => `secret-${secret}`;

/** The pod's volume for the ConfigMap with index `configMap` in configMapKeysOf(spec). */
export const configMapPodVolume = (configMap: number) => `config-map-${configMap}`;

/** The field of the spec behind a pod volume of a Secret or ConfigMap: the kubelet's messages name only the volume. */
export function keyFieldOf(podVolume: string, spec: DockerRunSpec): string | undefined {
  const secret = secretKeysOf(spec).find((_, index) => secretPodVolume(index) === podVolume)?.name;
  const isSecret = ({ valueFrom }: NamedValue) => valueFrom?.secretKeyRef?.name === secret;
  if (secret !== undefined) return `${fieldWith(isSecret, spec) ?? tokenField} (Secret ${secret})`;
  const map = configMapKeysOf(spec).find((_, index) => configMapPodVolume(index) === podVolume)?.name;
  const isMap = ({ valueFrom }: NamedValue) => valueFrom?.configMapKeyRef?.name === map;
  return map === undefined ? undefined : `${fieldWith(isMap, spec)} (ConfigMap ${map})`;
}

const tokenField = 'spec.girder.job.tokenSecretRef';

/** The first variable, or else the first transform with a header, that has such a value. */
function fieldWith(
  isMeant: (value: NamedValue) => boolean,
  { env = [], transforms = [] }: DockerRunSpec,
): string | undefined {
  const variable = env.findIndex(isMeant);
  if (variable !== -1) return `spec.env[${variable}]`;
  const transform = transforms.findIndex(({ connect }) =>
    connect?.output.chunkedTransferEncodingStream?.headers?.some(isMeant),
  );
  return transform === -1 ? undefined : `spec.transforms[${transform}]`;
}
