import type { DockerRunStatus } from '../../api/status.ts';
import type { Observed } from './decision.ts';

/**
 * How long an attempt may still take to start. Its clock begins with its pod; without a pod, with the run itself, with
 * its going on after a suspension, or, between two attempts, when the Job controller was first refused another pod.
 */
export function lateInMs(observed: Observed, now: Date): number {
  const { run, pods } = observed;
  // A spec that a newer schema does not take any more must not end a run that was accepted.
  const seconds = run.spec?.startDeadlineSeconds ?? Infinity;
  const pod = pods.at(-1);
  const resumed = resumedAt(run.status, now);
  const isFirst = pod === undefined && (run.status.podName === undefined || hasNoJobYet(observed, resumed));
  const podless = isFirst ? run.metadata.creationTimestamp : betweenSince(observed, now);
  const hasEnded = pod?.worker.kind === 'terminated';
  const from = Date.parse(pod === undefined || hasEnded ? podless : pod.creationTimestamp);
  return Math.max(0, Math.max(from, resumed) + seconds * 1000 - now.getTime());
}

/** Since when an attempt that follows another one is kept from starting. */
function betweenSince({ run, podRefusal }: Observed, now: Date): string {
  // Events are kept for an hour: one from before the last attempt says nothing about the next.
  const isRefused = podRefusal !== undefined && podRefusal.since > (run.status.target?.startedAt ?? '');
  return isRefused ? podRefusal.since : now.toISOString();
}

/** True for a run that goes on after a suspension and waits for its new Job; it may have had a pod before. */
function hasNoJobYet({ job }: Observed, resumed: number): boolean {
  return job === undefined && resumed > 0;
}

/** A run that is suspended does not wait: its clock begins anew when it may go on. */
function resumedAt({ conditions = [] }: DockerRunStatus, now: Date): number {
  const suspended = conditions.find(({ type }) => type === 'Suspended');
  if (suspended === undefined) return 0;
  return suspended.status === 'False' ? Date.parse(suspended.lastTransitionTime) : now.getTime();
}

/** True when an attempt should have started by now. */
export function isLate(observed: Observed, now: Date): boolean {
  return lateInMs(observed, now) === 0;
}
