import { dockerPodVolume, hostDirPodVolume, podVolume } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { RunError } from '../../support/errors.ts';
import type { ObservedPod, WorkerState } from '../observe/observed.ts';

/**
 * How long a pod may wait for its worker before the attempt is given up. What is not in these tables waits
 * until the start deadline: a registry or a file server that is away, a disk that is still attached elsewhere.
 */

/** What the kubelet shows of a container that waits. */
type Waiting = { readonly reason: string; readonly message: string };

type Row = {
  readonly reasons: readonly string[];
  /** Only for messages that match. */
  readonly message?: RegExp;
  /** Since the worker waits for this, on its node. */
  readonly graceMs: number;
  /** Whether another pod, maybe on another node, can start. */
  readonly mayHelp: boolean;
};

/** A registry that answers, but not with the image. containerd quotes the registry's status and text. */
const imageRefused =
  /not found|unauthorized|authorization failed|insufficient_scope|denied|forbidden|no match for platform|\b40[134]\b/i;

/** The reasons are those of https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go. */
const rows: readonly Row[] = [
  { reasons: ['InvalidImageName'], graceMs: 0, mayHelp: false },
  { reasons: ['ErrImageNeverPull'], graceMs: 0, mayHelp: true },
  {
    reasons: ['ErrImagePull', 'ImagePullBackOff'],
    message: imageRefused,
    graceMs: 300_000,
    mayHelp: true,
  },
  {
    reasons: ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'],
    graceMs: 120_000,
    mayHelp: true,
  },
];

/** Why a worker will not start by waiting longer, and whether another pod may help. */
type Exhausted = Pick<Row, 'mayHelp'>;

/**
 * Whether a worker has waited too long on its node. The time before the pod was bound to a node does not
 * count, and neither does a time in which it waited for something else.
 */
export function patienceEnded(
  pod: ObservedPod,
  { reason, message }: Waiting,
  { waitingSince, now }: { waitingSince: string | undefined; now: Date },
): Exhausted | undefined {
  const row = rows.find(
    (one) => one.reasons.includes(reason) && (one.message === undefined || one.message.test(message)),
  );
  if (row === undefined) return undefined;
  const onNode = Date.parse(pod.scheduledAt ?? pod.creationTimestamp);
  const from = Math.max(onNode, waitingSince === undefined ? 0 : Date.parse(waitingSince));
  // Clocks differ a little: the pod may seem to have been bound in the future.
  return Math.max(0, now.getTime() - from) >= row.graceMs ? { mayHelp: row.mayHelp } : undefined;
}

/**
 * A mount that fails because of something that does not exist, or is of another type. Everything else may
 * succeed later: a claim that is still attached to a lost node, an NFS server that restarts, a slow cache.
 */
const hopelessMount = [
  /\b(?:secret|configmap) "[^"]+" not found/i,
  /references non-existent (?:secret|config) key/i,
  /hostPath type check failed/i,
] as const;

/**
 * How long such a mount may fail, from the first failure to the last: enough for a Secret that another
 * operator creates within a minute. The kubelet retries 1, 2, 4… s later, so also 63 s after the first.
 */
const mountGraceMs = 60_000;

/** True when a volume of the pod will not be mounted by waiting longer. */
export function mountIsHopeless(failure: { message: string; since: string; last: string }): boolean {
  const lasted = Date.parse(failure.last) - Date.parse(failure.since);
  return lasted >= mountGraceMs && hopelessMount.some((pattern) => pattern.test(failure.message));
}

/** True when the kubelet cannot mount the engine's socket: the engine is stopped, or restarts. */
export function isEngineSocket({ message }: { readonly message: string }): boolean {
  return message.includes('docker-socket') && /hostPath type check failed|timed out/i.test(message);
}

/**
 * The failure of a run whose host path the kubelet does not mount; undefined for any other state of a worker.
 * The kubelet does not report more, so that a pod cannot find out what is on the node
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go, makeMounts).
 */
export function refusedSubPath(worker: WorkerState, spec: DockerRunSpec | undefined): RunError | undefined {
  if (worker.kind !== 'waiting' || worker.reason !== 'CreateContainerConfigError') return undefined;
  const match = /failed to (prepare subPath|create subPath directory) for volumeMount "([^"]+)"/.exec(
    worker.message,
  );
  const [, step, volume = ''] = match ?? [];
  if (step === undefined) return undefined;
  const place = placeOf(volume, spec) ?? `volume "${volume}" of the pod`;
  return new RunError(
    'HostPathNotAllowed',
    step === 'prepare subPath'
      ? `${place} cannot be mounted: a component of the path is a symbolic link that leads out of the directory that the policy allows, or it is not a directory`
      : `${place} does not exist and cannot be created: a component of the path is a symbolic link without a target or is not a directory, or the file system is read-only`,
  );
}

function placeOf(podVolumeName: string, spec: DockerRunSpec | undefined): string | undefined {
  for (const [index, { name, bindMount, temporary }] of (spec?.volumes ?? []).entries()) {
    if (bindMount !== undefined && podVolumeName === podVolume(index))
      return `spec.volumes: ${name}.bindMount.hostPath: ${bindMount.hostPath}`;
    const isHostDir = [podVolume(index), hostDirPodVolume(index)].includes(podVolumeName);
    if (temporary?.hostDir !== undefined && isHostDir)
      return `spec.volumes: ${name}.temporary.hostDir: ${temporary.hostDir}`;
  }
  const path = Object.keys(spec?.dockerVolumes ?? {}).find(
    (_, index) => podVolumeName === dockerPodVolume(index),
  );
  return path === undefined ? undefined : `spec.dockerVolumes: ${path}`;
}
