import type { Ending } from '../../api/plan.ts';
import type { Report } from '../../api/report.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { ObservedJob, ObservedPod, ObservedRun } from '../observe/observed.ts';
import type { Obstacle } from './waiting.ts';

/** Everything that one decision is made from; gathering it is the only I/O before. */
export type Observed = {
  run: ObservedRun;
  job: ObservedJob | undefined;
  /** Pods of the run, oldest first. */
  pods: readonly ObservedPod[];
  /** What the worker of the newest pod said a moment ago, if it was asked and answered. */
  live: Report | undefined;
  /** Why the kubelet cannot mount a volume of the newest pod, if it cannot. */
  mountFailure: Obstacle | undefined;
  /** Why the Job controller cannot create a pod (a quota, Pod Security), if it cannot. */
  podRefusal: Obstacle | undefined;
  /** Whether the namespace is being deleted, asked when a pod is: its Job keeps that pod until it may make another. */
  namespaceEnds: boolean;
  /** Why the API server refused the Job just now, if it did. */
  jobRefusal: Refusal | undefined;
  /** The run's own Job that cleans up after a lost worker. */
  tidyJob: ObservedJob | undefined;
  /** Why the API server refused that one just now, if it did. */
  tidyRefusal: Refusal | undefined;
};

/** Why the API server refused to create an object, and whether it would do so again. */
export type Refusal = { readonly message: string; readonly permanent: boolean };

/**
 * What is left to do after a run that its worker did not end: on the node of the lost worker, or, where nothing can be
 * left on a node, only in Girder.
 */
export type Tidying = { readonly node: string | undefined; readonly ending: Ending };

/** Something to do on the API server; carrying it out twice does no more than once. */
export type Action =
  | { kind: 'createJob' }
  | ({ kind: 'createTidyJob' } & Tidying)
  /** With `waits`, the Job stays, being deleted, until its pods are gone. */
  | { kind: 'deleteJob'; name: string; uid: string; waits?: boolean }
  | { kind: 'suspendJob' | 'resumeJob'; name: string; uid: string }
  /** Of a pod that has no Job any more. */
  | { kind: 'deletePod'; name: string; uid: string }
  | { kind: 'deleteRun' };

/** What follows from what was observed. */
export type Decision = {
  actions: readonly Action[];
  /** The whole status, or nothing when it stays as it is. */
  status: DockerRunStatus | undefined;
  /** When to look again if nothing changes before; nothing when only a change matters. */
  requeueAfterMs: number | undefined;
};

/** True for a run that has ended, whatever comes. */
export function isTerminal(status: DockerRunStatus): boolean {
  return isTerminalPhase(status.phase);
}

/** True for a run that is to stop for good: by spec.cancel, or since it is being deleted. */
export function isCancelled({ spec, metadata }: ObservedRun): boolean {
  return spec?.cancel === true || metadata.deletionTimestamp !== undefined;
}

const reasonsOfSuspension = new Set(['Suspending', 'Suspended', 'Resumed']);

/** True for a run whose Job a suspension may have taken, or its pod, by what was stored before that was done. */
export function isBySuspension({ reason = '' }: DockerRunStatus): boolean {
  return reasonsOfSuspension.has(reason);
}

/** Leaves everything as it is. */
export function nothing(): Decision {
  return { actions: [], status: undefined, requeueAfterMs: undefined };
}
