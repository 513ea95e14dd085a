import type { DockerRun } from '../../api/docker-run.ts';
import type { Report } from '../../api/report.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';

/** Everything that was observed of one run; gathering it is the only I/O before a decision. */
export type Observed = {
  run: ObservedRun;
  job: ObservedJob | undefined;
  /** Oldest first. */
  pods: readonly ObservedPod[];
  /** The last report of the newest pod's worker, if it runs and answers. */
  live: Report | undefined;
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

/** What the caches keep of a run: only what `decide` reads, because caches take most of the memory. */
export type ObservedRun =
  | { metadata: DockerRun['metadata']; status: DockerRunStatus; spec: DockerRun['spec']; problem?: undefined }
  | { metadata: DockerRun['metadata']; status: DockerRunStatus; spec?: undefined; problem: string };

export type ObservedJob = {
  namespace: string;
  name: string;
  uid: string;
  ownerUid: string | undefined;
  creationTimestamp: string;
  finished: { succeeded: boolean; reason: string; message: string; at: string } | undefined;
  /** How many of its pods have ended, as the Job controller counts them: without disruptions. */
  endedPods: number;
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
  /** From its owner reference, because anybody may set a label. */
  jobUid: string | undefined;
  creationTimestamp: string;
  /** How many attempts failed before this pod, as the Job controller counts them: without disruptions. */
  failuresBefore: number;
  phase: string;
  nodeName: string | undefined;
  podIP: string | undefined;
  /** When a pod that is being deleted has to be gone: the end of its grace period. */
  deletionTimestamp: string | undefined;
  /** An eviction, a preemption…, which does not count as a failed attempt
   * (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions). */
  disruption: { reason: string; message: string } | undefined;
  /** Why the pod as a whole ended or is stuck: Evicted, Unschedulable… */
  reason: string | undefined;
  message: string | undefined;
  unschedulable: string | undefined;
  worker: WorkerState;
};

/** The state of the worker's container. */
export type WorkerState =
  | { kind: 'waiting'; reason: string; message: string }
  | { kind: 'running' }
  | { kind: 'terminated'; exitCode: number; reason: string; report: Report | undefined };

/** The report in the termination message of a pod's worker, if it has ended and left one. */
export function terminationReport(pod: ObservedPod | undefined): Report | undefined {
  return pod?.worker.kind === 'terminated' ? pod.worker.report : undefined;
}

/** True for a pod whose worker has ended; of a lost or evicted pod, only its phase may show that. */
export function podHasEnded({ worker, phase }: ObservedPod): boolean {
  return worker.kind === 'terminated' || phase === 'Failed' || phase === 'Succeeded';
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
