import type { DockerRun } from '../../api/docker-run.ts';
import { isMadeOf, type JobOrigin } from '../../api/job-origin.ts';
import { podNamePrefix } from '../../api/names.ts';
import { progressReasons } from '../../api/progress-reasons.ts';
import { failureReasons } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import { type Attempt, type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';

/** Everything that was observed of one run; gathering it is the only I/O before a decision. */
export type Observed = {
  run: ObservedRun;
  job: ObservedJob | undefined;
  /** Oldest first. */
  pods: readonly ObservedPod[];
  /** The last report of the newest pod's worker, if it runs and answers. */
  live: Report | undefined;
  /** Since when the newest pod's worker has waited for what it waits for now, if that is not usual (RFC 3339). */
  waitingSince: string | undefined;
  /** Why the kubelet cannot mount a volume of the newest pod, if it cannot. */
  mountFailure: BlockingEvent | undefined;
  /** Why the Job controller cannot create a pod (a quota, Pod Security), if it cannot. */
  podRefusal: BlockingEvent | undefined;
  /** Whether the namespace is being deleted; only asked when a pod is, which its Job keeps until replaced. */
  namespaceEnds: boolean;
  /** Why the API server refused to create the Job in this reconcile, if it did. */
  jobRefusal: Refusal | undefined;
  /** The Job that cleans up after a lost worker of the run. */
  cleanupJob: ObservedJob | undefined;
  /** Why the API server refused to create the cleanup Job in this reconcile, if it did. */
  cleanupRefusal: Refusal | undefined;
};

/** Why the API server refused to create an object; a permanent refusal is not retried. */
export type Refusal = { readonly message: string; readonly permanent: boolean };

/** Why a pod cannot be created or started, and when the Event occurred first and last (RFC 3339). */
export type BlockingEvent = { message: string; since: string; last: string };

/**
 * What the controller reads of a run: only what `decide` needs. A spec with a problem was stored under another
 * version: it is beyond a bound of this one or, if `isPartial`, has parts of another form, which are left out.
 */
export type ObservedRun =
  | {
      metadata: DockerRun['metadata'];
      status: DockerRunStatus;
      spec: DockerRun['spec'];
      problem?: string;
      isPartial?: true;
    }
  | {
      metadata: DockerRun['metadata'];
      status: DockerRunStatus;
      spec?: undefined;
      problem: string;
      isPartial?: undefined;
    };

/** What the cache keeps of a run, because caches take most of the memory: a large spec is read when it is needed. */
export type CachedRun =
  | (ObservedRun & { specIsLarge?: undefined })
  | (Pick<ObservedRun, 'metadata' | 'status'> & { spec?: undefined; specIsLarge: true });

export type ObservedJob = {
  namespace: string;
  name: string;
  uid: string;
  /** The uid of the DockerRun that controls it; a reference to an owner says nothing of its namespace. */
  ownerUid: string | undefined;
  creationTimestamp: string;
  /** Of which spec it was made; only for the Job of a run. */
  origin: JobOrigin;
  finished: { succeeded: boolean; reason: string; message: string; at: string | undefined } | undefined;
  /** How many of its pods have ended, as the Job controller counts them: without disruptions. */
  endedPods: number;
  /** How many of its pods may fail before it fails: what was left of spec.backoffLimit when it was created. */
  backoffLimit: number;
  /** Who suspended it: this operator, or somebody else (a queue or a person). */
  suspendedBy: 'operator' | 'other' | undefined;
  /** Whether Kueue decides when it runs. */
  isQueued: boolean;
  /** Set while it is being deleted and waits for its pods to end. */
  deletionTimestamp: string | undefined;
};

export type ObservedPod = {
  namespace: string;
  name: string;
  uid: string;
  runUid: string;
  /** The uid of the Job that controls it, as the pod itself claims; {@link isPodOf} checks the claim. */
  jobUid: string | undefined;
  creationTimestamp: string;
  /** How many attempts failed before this pod, as the Job controller counts them: without disruptions. */
  failuresBefore: number;
  phase: string;
  /** When it was bound to its node. */
  scheduledAt: string | undefined;
  /** True once its sandbox exists, for which the kubelet has mounted all volumes. */
  hasSandbox: boolean;
  nodeName: string | undefined;
  podIP: string | undefined;
  /** When a pod that is being deleted has to be gone: the end of its grace period. */
  deletionTimestamp: string | undefined;
  /** An eviction, a preemption, a rejection by the node…, which does not count as a failed attempt
   * (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions). */
  disruption: { reason: string; message: string } | undefined;
  /** True when the kubelet refused to start it. Its Job counts that as a failure. */
  isRejected: boolean;
  /** True when the kubelet evicted it because the node ran out of memory, disk, inodes or process ids. */
  evictedForPressure: boolean;
  /** Why the pod as a whole ended or is stuck: Evicted, Unschedulable… */
  reason: string | undefined;
  message: string | undefined;
  unschedulable: string | undefined;
  /** The init container that others added to the pod and that keeps, or kept, the worker from starting. */
  init: InitProblem | undefined;
  worker: WorkerState;
  /** True while a container that others added to the pod has not ended. */
  isKeptByOthers: boolean;
};

/** `sentence` begins with the container's name; `failed` is whether the pod has failed with it. */
export type InitProblem = { readonly sentence: string; readonly failed: boolean };

/** The state of the worker's container. */
export type WorkerState =
  | { kind: 'waiting'; reason: string; message: string }
  | { kind: 'running' }
  | { kind: 'terminated'; exitCode: number; reason: string; report: Report | undefined };

/**
 * True for a pod that the Job controller created for a Job. A pod of another namespace may name any owner:
 * uids are no secrets, and the API server does not look them up.
 */
export function isPodOf(pod: ObservedPod, job: Pick<ObservedJob, 'namespace' | 'name' | 'uid'>): boolean {
  const isOwned = pod.jobUid === job.uid && pod.namespace === job.namespace;
  return isOwned && pod.name.startsWith(podNamePrefix(job.name));
}

/** The report in the termination message of a pod's worker, if it has ended and left one. */
export function terminationReport(pod: ObservedPod | undefined): Report | undefined {
  return pod?.worker.kind === 'terminated' ? pod.worker.report : undefined;
}

/** True for a pod of which no container runs any more. */
export function podIsOver({ phase }: ObservedPod): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

/** True for a pod whose worker has ended; of a lost or evicted pod, only its phase may show that. */
export function podHasEnded(pod: ObservedPod): boolean {
  return pod.worker.kind === 'terminated' || podIsOver(pod);
}

export function isTerminal(status: DockerRunStatus): boolean {
  return isTerminalPhase(status.phase);
}

/** True for a run that must stop for good: spec.cancel is set, or it is being deleted. */
export function isCancelled({ spec, metadata }: ObservedRun): boolean {
  return spec?.cancel === true || metadata.deletionTimestamp !== undefined;
}

const suspensionReasons = new Set(['Suspending', 'Suspended', 'Resumed']);

/** True for a run whose Job or pod a suspension may have deleted; the reason is stored before it is. */
export function isBySuspension({ reason = '' }: DockerRunStatus): boolean {
  return suspensionReasons.has(reason);
}

/** True for a run whose Job this controller may have deleted, to make another one; the reason is stored before it is. */
export function mayHaveNoJob(status: DockerRunStatus): boolean {
  return isBySuspension(status) || status.reason === 'PodRejected';
}

/** True when the Job was made of what the run says now. A run without a valid spec has no such Job. */
export function isJobOf({ origin }: Pick<ObservedJob, 'origin'>, run: ObservedRun): boolean {
  const { metadata, spec, isPartial } = run;
  // Of a spec that can be read in part, no hash can be made.
  if (isPartial === true) return origin.generation === metadata.generation;
  return spec !== undefined && isMadeOf(origin, { metadata, spec });
}

/** Failures after which a worker may not have cleaned up; other reasons of a pod are not in our table. */
const ownReasons = { ...failureReasons, ...progressReasons };
const mayHaveLeft = new Set(['WorkerLost', 'WorkerFailed', 'DiskFailed', 'Evicted']);

/** The last attempt on each node, but that of the newest attempt, if its worker may have left something there. */
export function lostElsewhere({ attemptHistory = [] }: DockerRunStatus): (Attempt & { nodeName: string })[] {
  const newest = attemptHistory.at(-1)?.nodeName;
  const lastOnNode = new Map<string, Attempt & { nodeName: string }>();
  for (const attempt of attemptHistory) {
    const { nodeName } = attempt;
    if (nodeName !== undefined && nodeName !== newest) lastOnNode.set(nodeName, { ...attempt, nodeName });
  }
  return [...lastOnNode.values()].filter(
    ({ reason = 'WorkerLost' }) => mayHaveLeft.has(reason) || !Object.hasOwn(ownReasons, reason),
  );
}
