import type { DockerRunStatus } from '../../api/status.ts';
import { attemptHistory, countAttempts } from './attempt-history.ts';
import type { Observed } from './decision.ts';

/**
 * The pause of the Job controller before it replaces a failed pod, doubled each time
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy).
 */
const backoffMs = { first: 10_000, most: 600_000 } as const;

/** How late the Job controller may be on a busy control plane. */
const latenessMs = 10_000;

/**
 * How long an attempt may still take to start. Its clock begins with its pod; without a pod, with the run itself, with
 * its going on after a suspension, or, between two attempts, when the Job controller should have made another pod.
 */
export function lateInMs(observed: Observed, now: Date): number {
  const { run, pods } = observed;
  // A spec that a newer schema does not take any more must not end a run that was accepted.
  const seconds = run.spec?.startDeadlineSeconds ?? Infinity;
  const pod = pods.at(-1);
  const resumed = resumedAt(run.status, now);
  const isFirst = pod === undefined && (run.status.podName === undefined || hasNoJobYet(observed, resumed));
  const waits =
    pod !== undefined && pod.worker.kind !== 'terminated' ? pod : isFirst ? run.metadata : undefined;
  const from = waits === undefined ? anotherIsDue(observed, now) : Date.parse(waits.creationTimestamp);
  return Math.max(0, Math.max(from, resumed) + seconds * 1000 - now.getTime());
}

/**
 * When the pod of an attempt that follows another one should be there. Of what keeps it away only Events tell, each
 * about another pod that was not made, so that none of them says since when.
 */
function anotherIsDue(observed: Observed, now: Date): number {
  const { status } = observed.run;
  const ended = attemptHistory(status.attemptHistory ?? [], observed, now).at(-1)?.completionTime;
  const failures = Math.max(1, countAttempts(status, observed));
  const backoff = Math.min(backoffMs.most, backoffMs.first * 2 ** (failures - 1));
  return ended === undefined ? now.getTime() : Date.parse(ended) + backoff + latenessMs;
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
