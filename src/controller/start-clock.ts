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
  const pod = pods.at(-1);
  const isFirst = pod === undefined && run.status.podName === undefined;
  const podless = isFirst ? run.metadata.creationTimestamp : between;
  const hasEnded = pod?.worker.kind === 'terminated';
  const from = Date.parse(pod === undefined || hasEnded ? podless : pod.creationTimestamp);
  return Math.max(0, from + seconds * 1000 - now.getTime());
}

/** True when an attempt should have started by now. */
export function isLate(observed: Observed, now: Date): boolean {
  return lateInMs(observed, now) === 0;
}
