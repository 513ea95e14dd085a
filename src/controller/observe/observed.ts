import type { DockerRun } from '../../api/docker-run.ts';
import type { Report } from '../../api/report.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';

/** Everything that was observed of one run; gathering it is the only I/O before a decision. */
export type Observed = {
  run: ObservedRun;
  job: ObservedJob | undefined;
  /** Pods of the run, oldest first. */
  pods: readonly ObservedPod[];
  /** The last report of the newest pod's worker, if that runs and answered. */
  live: Report | undefined;
  /** Why the kubelet cannot mount a volume of the newest pod, if it cannot. */
  mountFailure: BlockingEvent | undefined;
  /** Why the Job controller cannot create a pod (a quota, Pod Security), if it cannot. */
  podRefusal: BlockingEvent | undefined;
  /** Whether the namespace is being deleted; asked when a pod is, since its Job keeps that pod until it is replaced. */
  namespaceEnds: boolean;
  /** Why the API server refused to create the Job in this reconcile, if it did. */
  jobRefusal: Refusal | undefined;
  /** The Job that cleans up after a lost worker of the run. */
  cleanupJob: ObservedJob | undefined;
  /** Why the API server refused to create the cleanup Job in this reconcile, if it did. */
  cleanupRefusal: Refusal | undefined;
};

/** Why the API server refused to create an object, and whether it would refuse it again. */
export type Refusal = { readonly message: string; readonly permanent: boolean };

/** An Event that says why a pod cannot be created or started, and when it occurred first and last. */
export type BlockingEvent = { message: string; since: string; last: string };

/**
 * What the controller keeps of the objects it watches: only what `decide` reads, since caches are what fills an
 * operator's memory.
 */
export type ObservedRun =
  | { metadata: DockerRun['metadata']; status: DockerRunStatus; spec: DockerRun['spec']; problem?: undefined }
  | { metadata: DockerRun['metadata']; status: DockerRunStatus; spec?: undefined; problem: string };

/** A Job as far as decisions depend on it. */
export type ObservedJob = {
  namespace: string;
  name: string;
  uid: string;
  ownerUid: string | undefined;
  creationTimestamp: string;
  /** How the Job ended, once it has. */
  finished: { succeeded: boolean; reason: string; message: string; at: string } | undefined;
  /** Pods of it that have ended, as the Job controller counts them: disruptions are none. */
  endedPods: number;
  /** Who keeps it from having pods, if somebody does: this operator, or a queue or a person. */
  suspendedBy: 'operator' | 'other' | undefined;
  /** Whether it is Kueue that says when it runs. */
  isQueued: boolean;
  /** Since when it is being deleted, and waits for its pods to end. */
  deletionTimestamp: string | undefined;
};

/** A pod of a run as far as decisions depend on it. */
export type ObservedPod = {
  namespace: string;
  name: string;
  uid: string;
  runUid: string;
  /** The Job that made it; a label alone could be anybody's. */
  jobUid: string | undefined;
  creationTimestamp: string;
  /** How many attempts failed before this pod, as the Job controller counts them: disruptions are none. */
  failuresBefore: number;
  phase: string;
  nodeName: string | undefined;
  podIP: string | undefined;
  /** When a pod that is being deleted has to be gone. */
  deletionTimestamp: string | undefined;
  /** What the cluster does to the pod (an eviction, a preemption…), which counts as no attempt
   * (https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions). */
  disruption: { reason: string; message: string } | undefined;
  /** Why the pod as a whole ended or is stuck: Evicted, Unschedulable… */
  reason: string | undefined;
  message: string | undefined;
  unschedulable: string | undefined;
  worker: WorkerState;
};

/** How the container of the worker is. */
export type WorkerState =
  | { kind: 'waiting'; reason: string; message: string }
  | { kind: 'running' }
  | { kind: 'terminated'; exitCode: number; reason: string; report: Report | undefined };

/** The report in the termination message of a pod's worker, if the worker has ended and left one. */
export function terminationReport(pod: ObservedPod | undefined): Report | undefined {
  return pod?.worker.kind === 'terminated' ? pod.worker.report : undefined;
}

/** True for a pod whose worker runs no more; of one that was lost or evicted only its phase may say so. */
export function podHasEnded({ worker, phase }: ObservedPod): boolean {
  return worker.kind === 'terminated' || phase === 'Failed' || phase === 'Succeeded';
}

/** True for a run whose phase is terminal: no observation changes it any more. */
export function isTerminal(status: DockerRunStatus): boolean {
  return isTerminalPhase(status.phase);
}

/** True for a run that must stop for good: spec.cancel is set, or it is being deleted. */
export function isCancelled({ spec, metadata }: ObservedRun): boolean {
  return spec?.cancel === true || metadata.deletionTimestamp !== undefined;
}

const suspensionReasons = new Set(['Suspending', 'Suspended', 'Resumed']);

/** True for a run whose Job or pod a suspension may have removed; the reason is stored before that is done. */
export function isBySuspension({ reason = '' }: DockerRunStatus): boolean {
  return suspensionReasons.has(reason);
}
