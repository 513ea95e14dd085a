import { posix } from 'node:path';
import type { ConfigMapKeyReference, NamedValue, SecretKeyReference } from '../api/fields.ts';
import { defined } from '../api/json-values.ts';
import { temporaryDirectoryName } from '../api/names.ts';
import type { FailureReason } from '../api/reasons.ts';
import type { RunPlan } from '../api/run-plan.ts';
import { mountModeOf } from '../api/volumes.ts';
import type { BindMount } from '../docker/create/container-spec.ts';
import type { GpuRequest } from '../docker/create/gpu-request.ts';
import type { Engine } from '../docker/engine.ts';
import type { RegistryAuths } from '../docker/pull/registry-auths.ts';
import type { GirderCredentials } from '../girder/credentials.ts';

/** A directory that worker and target share, with its path as worker, engine and target see it. */
export type SharedVolume = {
  name: string;
  /** The path in the worker. */
  localPath: string;
  /** The path that the Docker Engine sees: a real path, without links. */
  hostPath: string;
  /** The path in the target. */
  containerPath: string;
  /** For the target. */
  readOnly: boolean;
  /** The SELinux label that the engine puts on the directory. */
  relabel?: BindMount['relabel'];
  /** Whether it is deleted with the run; from any other volume the run must remove its files itself. */
  temporary: boolean;
  /** Whether `hostPath` was derived, so that it must be probed; always so for a temporary volume. */
  isInferred?: boolean;
  /** Whether it is a directory of the node that outlives the pod; file systems mounted in it are not seen. */
  isOnNode?: boolean;
  /** An empty directory on the node that hides the temporary volumes of other runs from the target. */
  hidden?: string | undefined;
  /** The field or operator setting that a message names when the engine sees another directory. */
  configuredBy: string;
};

/** What the engine mounts for an entry of spec.dockerVolumes. */
export type DockerVolume = {
  readonly source: string;
  /** The same in the worker, if it is there. */
  readonly localPath?: string;
  /** As that of a volume. */
  readonly hidden?: string | undefined;
};

/** By the path in the spec. */
export type DockerVolumes = ReadonlyMap<string, DockerVolume>;

/**
 * `remove` deletes the volumes that end with the attempt and that the kubelet does not delete; it stops when
 * the signal aborts.
 */
export type OpenVolumes = {
  volumes: readonly SharedVolume[];
  /** Absent where nobody else could change a path; the engine then mounts the path in the spec. */
  dockerVolumes?: DockerVolumes;
  remove: (signal: AbortSignal) => Promise<void>;
};

/** One input of a run with forEach. */
export type ItemOfRun = {
  readonly index: number;
  readonly id: string;
  /** What `$(name)` stands for in addition to volumes and transforms, such as `item.name`. */
  readonly values: ReadonlyMap<string, string>;
  /** Whether the output of the target is kept on the disk, to become a file of Girder. */
  readonly keepsLog: boolean;
};

/** Hides from the phases of a run whether the worker is in a pod or on a user's machine. */
export type RunEnvironment = {
  run: RunPlan['run'];
  spec: RunPlan['spec'];
  dockerSocket: string;
  /** For messages: "The Docker Engine of node …". */
  engineName: string;
  /** How long the engine may be away before the target starts, in milliseconds; else until the start deadline. */
  engineAwayMs?: number;
  /** Part of the container's name: the pod's uid, or `local`. */
  attempt: string;
  /** The input of spec.forEach that `spec` is for; absent outside of such a run. */
  item?: ItemOfRun;
  /** Whether a retry follows if this attempt fails for a reason that a retry can fix. */
  mayBeRetried: boolean;
  /** Whether another pod takes the place of this one, which is stopping; absent if none ever does. */
  willBeReplaced?: () => Promise<boolean>;
  /** Creates or finds the volumes, and removes what an earlier attempt left of those that it creates. */
  openVolumes: (signal: AbortSignal) => Promise<OpenVolumes>;
  /** A directory that only the worker can read, for streams that become a file of Girder at the end. */
  spoolDirectory: string;
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  girderRedirects?: readonly string[];
  /** As they are now: a Secret may be renewed while the run runs. */
  girderCredentials: () => Promise<GirderCredentials>;
  /** How long renewed credentials may take to arrive, in milliseconds; absent if they are there at once. */
  girderRenewalMs?: number;
  /** `field` is the field of the spec that refers to the key, for the message. */
  secretValue: (reference: SecretKeyReference, field: string) => Promise<string>;
  configMapValue: (reference: ConfigMapKeyReference, field: string) => Promise<string>;
  /** The credentials of spec.imagePullSecrets; on a user's machine also those of `docker login`. */
  registryAuths: () => Promise<RegistryAuths>;
  /** `imageAsks`: the image's label asks for GPUs, which is a wish and not a permission. */
  gpus: (imageAsks: boolean) => Promise<GpuRequest | undefined>;
  cgroupParent: (engine: Engine) => Promise<string | undefined>;
  /** The bytes of memory that the pod leaves to the target; undefined when nothing limits the pod. */
  memoryForTarget: () => Promise<number | undefined>;
};

/** A text from outside, with what a message calls it and the reason if it cannot be used. */
type FoundValue = { readonly text: string; readonly where: string; readonly reason: FailureReason };

/** The value of a variable or header; `field` is that of the spec. @throws RunError SecretIncomplete */
export async function valueOf(
  { secretValue, configMapValue }: Pick<RunEnvironment, 'secretValue' | 'configMapValue'>,
  { value = '', valueFrom }: Omit<NamedValue, 'name'>,
  field: string,
): Promise<FoundValue> {
  const { secretKeyRef: secret, configMapKeyRef: map } = valueFrom ?? {};
  if (secret !== undefined) {
    const where = `key ${secret.key} of Secret ${secret.name}`;
    return { text: await secretValue(secret, field), where, reason: 'SecretIncomplete' };
  }
  if (map === undefined) return { text: value, where: 'its value', reason: 'InvalidSpec' };
  const where = `key ${map.key} of ConfigMap ${map.name}`;
  return { text: await configMapValue(map, field), where, reason: 'SecretIncomplete' };
}

/** Any user of the target can write; new files keep the directory's group (setgid). */
export const sharedMode = 0o2777;

/** The directories that the target shares with the worker or has from the node. Pure. */
export function mountsOf(
  spec: RunPlan['spec'],
  volumes: readonly SharedVolume[],
  dockerVolumes: DockerVolumes | undefined,
): BindMount[] {
  return [
    ...volumes.flatMap((volume) => {
      const { hostPath, localPath, containerPath, configuredBy, isOnNode, hidden } = volume;
      const mount: BindMount = {
        type: 'bind',
        source: hostPath,
        target: containerPath,
        readOnly: volume.readOnly,
        ...defined({ relabel: volume.relabel }),
        configuredBy,
        ...(isOnNode === true ? { isRecursive: false, probe: { sameAs: localPath } } : {}),
      };
      return [mount, ...hiddenIn(containerPath, hidden)];
    }),
    ...Object.entries(spec.dockerVolumes ?? {}).flatMap(([path, { bind, mode }]) => {
      const { source = path, localPath, hidden } = dockerVolumes?.get(path) ?? {};
      const mount: BindMount = {
        type: 'bind',
        source,
        target: bind,
        ...mountModeOf(mode),
        configuredBy: 'spec.dockerVolumes',
        ...(dockerVolumes === undefined ? {} : { isRecursive: false }),
        ...(localPath === undefined ? {} : { probe: { sameAs: localPath } }),
      };
      return [mount, ...hiddenIn(bind, hidden)];
    }),
  ];
}

/** The target cannot remove the mount, so it sees no temporary volume of another run, even of a later one. */
function hiddenIn(containerPath: string, hidden: string | undefined): BindMount[] {
  if (hidden === undefined) return [];
  const target = posix.join(containerPath, temporaryDirectoryName);
  return [{ type: 'bind', source: hidden, target, readOnly: true }];
}
