import type { DockerRunStatus } from '../../api/status.ts';
import { boundedDefault } from '../../policy/bounds.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Observed, ObservedPod } from '../observe/observed.ts';
import { attemptHistory, countAttempts } from './attempts.ts';
import { requeueWhileEnding } from './lost-node.ts';

/** spec.startDeadlineSeconds, and when a run is reconciled again if nothing changes. */

/** A run and its policy, which may bound the deadline. */
type Waiting = Observed & { readonly policy?: Policy };

/**
 * The pause of the Job controller before it replaces a failed pod, doubled each time
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy).
 */
const backoffMs = { first: 10_000, most: 600_000 } as const;

/** An allowance for the Job controller on a busy control plane. */
const latenessMs = 10_000;

/** Requeue of a run for which only changes matter, in case one is missed. */
const safetyMs = 5 * 60_000;

/** Requeue of a pending run, often at first and then less often: only Events show what blocks its pod. */
const pendingMs = { least: 5_000, most: 30_000 } as const;

/**
 * Milliseconds until the start deadline of an attempt. It counts from the creation of its pod; without a pod,
 * from that of the run, from a resume, or, between attempts, from when the Job controller should have created
 * the next pod.
 */
export function msUntilStartDeadline(observed: Waiting, now: Date): number {
  const { run, pods, policy = {} } = observed;
  // A run that was accepted must not end because a newer schema refuses its spec.
  const seconds =
    run.spec === undefined ? Infinity : boundedDefault(run.spec, 'startDeadlineSeconds', policy);
  const pod = pods.at(-1);
  const resumed = resumedAt(run.status, now);
  const isFirst = pod === undefined && (run.status.podName === undefined || awaitsNewJob(observed, resumed));
  const pending =
    pod !== undefined && pod.worker.kind !== 'terminated' ? pod : isFirst ? run.metadata : undefined;
  const from = pending === undefined ? nextPodDueAt(observed, now) : Date.parse(pending.creationTimestamp);
  return Math.max(0, Math.max(from, resumed) + seconds * 1000 - now.getTime());
}

/** True when the current attempt should have started by now. */
export function startDeadlineExceeded(observed: Waiting, now: Date): boolean {
  return msUntilStartDeadline(observed, now) === 0;
}

/** Milliseconds until a run with a worker is reconciled again; a changed report wakes it before that. */
export function requeueWhileRunning(observed: Waiting, pod: ObservedPod, now: Date): number {
  if (pod.worker.kind !== 'running' || pod.deletionTimestamp !== undefined)
    return requeueWhileEnding(observed.pods, now);
  const isPreparing = observed.live === undefined || observed.live.phase === 'Preparing';
  const left = isPreparing ? msUntilStartDeadline(observed, now) : 0;
  // Once the deadline has passed, only the report of a worker that still prepares matters.
  return left > 0 ? Math.min(left, safetyMs) : safetyMs;
}

/** Milliseconds until a run whose worker has not started is reconciled again. */
export function requeueWhilePending(observed: Waiting, now: Date): number {
  const { run, job, pods } = observed;
  const since = (pods.at(-1) ?? job ?? run.metadata).creationTimestamp;
  const age = now.getTime() - Date.parse(since);
  const wait = Math.min(pendingMs.most, Math.max(pendingMs.least, age));
  return Math.min(wait, requeueWhileEnding(pods, now), msUntilStartDeadline(observed, now));
}

/**
 * When the pod after a failed attempt should exist. Events do not show since when pods are refused, because
 * each is about another pod.
 */
function nextPodDueAt(observed: Waiting, now: Date): number {
  const { status } = observed.run;
  const ended = attemptHistory(status.attemptHistory ?? [], observed, now).at(-1)?.completionTime;
  const failures = Math.max(1, countAttempts(status, observed));
  const backoff = Math.min(backoffMs.most, backoffMs.first * 2 ** (failures - 1));
  return ended === undefined ? now.getTime() : Date.parse(ended) + backoff + latenessMs;
}

/** Milliseconds until a Job that the controller makes again may have its pod: the pause of the Job controller. */
export function msUntilNextJob(observed: Waiting & { readonly now: Date }): number {
  const { now } = observed;
  return Math.max(0, nextPodDueAt(observed, now) - latenessMs - now.getTime());
}

/** True for a resumed run whose new Job does not exist yet; the run may have had a pod before. */
function awaitsNewJob({ job }: Observed, resumed: number): boolean {
  return job === undefined && resumed > 0;
}

/** The start deadline does not count while a run is suspended, and starts again when it is resumed. */
function resumedAt({ conditions = [] }: DockerRunStatus, now: Date): number {
  const suspended = conditions.find(({ type }) => type === 'Suspended');
  if (suspended === undefined) return 0;
  return suspended.status === 'False' ? Date.parse(suspended.lastTransitionTime) : now.getTime();
}
