import type { ObservedPod } from '../observe/observed.ts';

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
export type Exhausted = Pick<Row, 'mayHelp'>;

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
