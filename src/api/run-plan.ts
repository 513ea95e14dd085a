import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { secretKeysOf } from './spec-usage.ts';
import { dockerRunSpec, type DockerRunSpec } from './spec.ts';

/**
 * What the controller hands to the worker in the pod's environment: the whole run, so that it never changes
 * under a running pod. It holds no secret; those are files of mounted Secrets.
 */
const runPlan = Type.Object({
  run: Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() }),
  spec: dockerRunSpec,
  /** Where the kubelet of the node keeps the volumes of pods, as the Docker Engine sees it. */
  kubeletRoot: Type.String(),
  /** Whether an image whose label asks for GPUs gets those of the node, though its pod has none. */
  gpusByLabel: Type.Optional(Type.Boolean()),
  /** The parent of the pod's cgroup, where the worker cannot read it itself (a private cgroup namespace). */
  podCgroup: Type.Object({ root: Type.String(), qosClass: Type.Unsafe<QosClass>({ type: 'string' }) }),
});

/** Kubernetes' class of a pod, by which the kubelet names its cgroup. */
export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';
/** What a worker is to do, as the controller writes it into the pod. */
export type RunPlan = Type.Static<typeof runPlan>;

const ending = Type.Object({
  kind: Type.Enum(['failed', 'cancelled'] as const),
  message: Type.String(),
});

/** The environment variables of the worker's pod. */
export const workerEnvironment = {
  plan: 'DOCKERRUN_PLAN',
  podUid: 'DOCKERRUN_POD_UID',
  /** How many attempts of the run failed before this one. */
  failedAttempts: 'DOCKERRUN_FAILED_ATTEMPTS',
  logLevel: 'DOCKERRUN_LOG_LEVEL',
  /** How a run ended that the worker cleans up after: an {@link Ending} in JSON. */
  ending: 'DOCKERRUN_ENDING',
} as const;

/**
 * What a worker does besides a run: remove what a lost one left on its node and report the run's end to Girder, or only
 * report it.
 */
export type CleanupMode = 'cleanup' | 'report';

/** How a run ended, for its job in Girder. */
export type Ending = { readonly kind: 'failed' | 'cancelled'; readonly message: string };

/** Reads the {@link Ending} of the environment. */
export function parseEnding(text: string | undefined): Ending {
  const value: unknown = JSON.parse(text ?? 'null');
  if (Value.Check(ending, value)) return value;
  throw new TypeError(`${workerEnvironment.ending} is not the end of a run`);
}

/** Where the worker's container has what the controller mounts into it. */
export const workerPaths = {
  dockerSocket: '/dockerrun/docker.sock',
  girderSecret: '/dockerrun/secrets/girder',
  /** The directory with the keys of the Secret that is the `secret`th of secretKeysOf(spec). */
  secretKeys: (secret: number) => `/dockerrun/secrets/keys/${secret}`,
  /** The directory with the credentials that are the `secret`th of spec.imagePullSecrets. */
  pullSecret: (secret: number) => `/dockerrun/secrets/pull/${secret}`,
  /** Where streams wait that become a file of Girder. */
  spool: '/dockerrun/spool',
  /** The directory of the pod's volumes on the node, as the kubelet keeps it. */
  podVolumes: '/dockerrun/pod-volumes',
  volume: (name: string) => `/dockerrun/volumes/${name}`,
} as const;

/**
 * Where the Job controller writes on a pod how often its index failed before
 * (https://kubernetes.io/docs/reference/labels-annotations-taints/#batch-kubernetes-io-job-index-failure-count).
 */
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';

/** The file of a key in `workerPaths.secretKeys`: keys can have names that are no good file names. */
export const secretKeyFile = (key: number) => `key-${key}`;

/** The pod's volume for `$(temporaryVolume)`. */
export const temporaryPodVolume = 'temporary-volume';

/** The pod's volume for the volume of that index in spec.volumes. */
export const podVolume = (volume: number) => `volume-${volume}`;

/** Reads the {@link RunPlan} of the environment; throws when it is none. */
export function parsePlan(text: string | undefined): RunPlan {
  if (text === undefined) throw new TypeError(`${workerEnvironment.plan} is not set`);
  const value: unknown = JSON.parse(text);
  if (Value.Check(runPlan, value)) return value;
  const [first] = Value.Errors(runPlan, value);
  throw new TypeError(
    `${workerEnvironment.plan}${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'}`,
  );
}

/** The pod's volume for the Secret that is the `secret`th of secretKeysOf(spec). */
export const secretPodVolume = (secret: number) => `secret-${secret}`;

/** What a user wrote that the kubelet calls by the name of one of these volumes in its messages. */
export function secretFieldOf(podVolume: string, spec: DockerRunSpec): string | undefined {
  const index = secretKeysOf(spec).findIndex((_, secret) => secretPodVolume(secret) === podVolume);
  const name = secretKeysOf(spec)[index]?.name;
  if (name === undefined) return undefined;
  const variable = (spec.env ?? []).findIndex(({ valueFrom }) => valueFrom?.secretKeyRef.name === name);
  if (variable !== -1) return `spec.env[${variable}] (Secret ${name})`;
  if (spec.girder?.job?.tokenSecretRef.name === name)
    return `spec.girder.job.tokenSecretRef (Secret ${name})`;
  const transform = (spec.transforms ?? []).findIndex(({ connect }) =>
    connect?.output.chunkedTransferEncodingStream?.headers?.some(
      ({ valueFrom }) => valueFrom?.secretKeyRef.name === name,
    ),
  );
  return `spec.transforms[${transform}] (Secret ${name})`;
}
