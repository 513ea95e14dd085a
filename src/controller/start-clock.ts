import type { Observed } from './decision.ts';

/**
 * How long an attempt may still take to start. Its clock begins with its pod; without a pod, with the run itself, or,
 * between two attempts, when the Job controller was first refused another pod.
 */
export function lateInMs({ run, pods, podRefusal }: Observed, now: Date): number {
  // A spec that a newer schema does not take any more must not end a run that was accepted.
  const seconds = run.spec?.startDeadlineSeconds ?? Infinity;
  // Events are kept for an hour: one from before the last attempt says nothing about the next.
  const refused = podRefusal !== undefined && podRefusal.since > (run.status.target?.startedAt ?? '');
  const between = refused ? podRefusal.since : now.toISOString();
  const podless = run.status.podName === undefined ? run.metadata.creationTimestamp : between;
  const from = Date.parse(pods.at(-1)?.creationTimestamp ?? podless);
  return Math.max(0, from + seconds * 1000 - now.getTime());
}

/** True when an attempt should have started by now. */
export function isLate(observed: Observed, now: Date): boolean {
  return lateInMs(observed, now) === 0;
}
