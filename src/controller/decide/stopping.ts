import { isTerminalPhase } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import type { Verdict } from './conditions.ts';
import { type Action, type Decision, nothing, type Observed } from './decision.ts';
import { end, endAs, failure, statusOf, success, withReport } from './next-status.ts';
import {
  finalWordOf,
  type ObservedJob,
  type ObservedPod,
  type ObservedRun,
  podHasEnded,
} from '../observe/observed.ts';
import { endReporting, endTidily, hasCleanedUp } from './tidying.ts';

/** spec.cancel and spec.suspend: a run that is to stop, for good or for now. */

/** How long after a pod should be gone its node counts as lost. */
const goneGraceMs = 120_000;

/** What `kubectl delete --cascade=orphan` writes on an object whose dependents shall stay. */
const orphanFinalizer = 'orphan';

/** What `kubectl delete --cascade=foreground` writes on an object that goes when its dependents are gone. */
const foregroundFinalizer = 'foregroundDeletion';

/** True for a run that is being deleted and kept by nobody: it is gone when its Job is, whatever its status says. */
export function isGoing({ metadata: { deletionTimestamp, finalizers = [] } }: ObservedRun): boolean {
  const isOrphaning = finalizers.includes(orphanFinalizer);
  return deletionTimestamp !== undefined && (isOrphaning || finalizers.every(isOfKubernetes));
}

const isOfKubernetes = (finalizer: string) => finalizer === foregroundFinalizer;

/** Stops the target of a run that is going. */
export function whileDeleted({ run, job }: Observed): Decision {
  const { uid, finalizers = [] } = run.metadata;
  const mustStop =
    job?.ownerUid === uid && job.finished === undefined && !finalizers.includes(orphanFinalizer);
  return { ...nothing(), actions: mustStop ? deletionOf(job) : [] };
}

/** Stops a run for good: its Job goes with its pods, and the run ends when the last of them has said its word. */
export function whileCancelling(observed: Observed, now: Date): Decision {
  const { job, pods } = observed;
  const pod = pods.at(-1);
  const word = finalWordOf(pod);
  if (word?.phase === 'Succeeded')
    return endAs(observed, now, { verdict: success(word), word, at: now.toISOString() });
  const actions = job === undefined ? deletionOfStrays(observed) : deletionOf(job);
  const { by, doing } = observed.run.spec?.cancel === true ? stops.cancel : stops.deletion;
  const cancelled = new RunError('Cancelled', by);
  if (hasCleanedUp(word) && pods.every(podHasEnded)) {
    const verdict = failure('Cancelled', cancelled.sentence);
    return { ...endAs(observed, now, { verdict, word, at: now.toISOString() }), actions };
  }
  if (job === undefined && pods.every(podHasEnded)) return cancelledEarly(observed, now, cancelled);
  if (pod !== undefined && isLost(pod, now)) return endReporting(observed, now, lost(pod, by));
  return stopping(observed, now, { reason: 'Cancelling', message: doing, actions });
}

const stops = {
  cancel: { by: 'spec.cancel stopped the run', doing: 'The run is being cancelled.' },
  deletion: { by: 'the run was deleted', doing: 'The run is being deleted.' },
} as const;

function lost(pod: ObservedPod, by: string): RunError {
  const node = pod.nodeName ?? '?';
  return new RunError('Cancelled', `${by}; node ${node} does not answer, its pod ${pod.name} may still run`);
}

/** A run without a Job never had anything to clean up after. */
function cancelledEarly(observed: Observed, now: Date, cancelled: RunError): Decision {
  const had = observed.run.status.jobName !== undefined;
  return had ? endTidily(observed, now, cancelled) : end(observed, now, cancelled);
}

/** True for a pod that should be gone for long: with its node nobody can tell whether it still runs. */
export function isLost({ deletionTimestamp }: ObservedPod, now: Date): boolean {
  return deletionTimestamp !== undefined && now.getTime() - Date.parse(deletionTimestamp) >= goneGraceMs;
}

function deletionOf({ name, uid, deletionTimestamp }: ObservedJob): Action[] {
  return deletionTimestamp === undefined ? [{ kind: 'deleteJob', name, uid, waits: true }] : [];
}

/** Pods of a Job that is gone are deleted with it, unless somebody told Kubernetes to leave them (`--cascade=orphan`). */
export function deletionOfStrays({ pods }: Observed): Action[] {
  const strays = pods.filter((pod) => !podHasEnded(pod) && pod.deletionTimestamp === undefined);
  return strays.map(({ name, uid }) => ({ kind: 'deletePod', name, uid }));
}

/**
 * Keeps a run from having pods while spec.suspend says so, and lets it go on after; nothing when it is neither.
 * A Job that a queue gives its time (Kueue) is deleted instead, since the queue would let it go on.
 */
export function whileSuspended(observed: Observed, now: Date): Decision | undefined {
  const { run, job } = observed;
  const wanted = run.spec?.suspend === true;
  if (job === undefined) return wanted ? suspended(observed, now, 'Suspended') : undefined;
  if (wanted) return suspending(observed, job, now);
  const givenUp = whileGivenUp(observed, job, now);
  if (givenUp !== undefined) return givenUp;
  if (job.suspendedBy === 'operator') return resuming(observed, job, now);
  return job.suspendedBy === 'other' ? suspended(observed, now, 'Queued') : undefined;
}

/** Waits for a Job that its run gave up for a suspension to go, whatever the run wants by now; nothing of any other. */
export function whileGivenUp(observed: Observed, job: ObservedJob, now: Date): Decision | undefined {
  const { status, spec } = observed.run;
  const isOurDoing = spec?.suspend === true || status.reason === 'Suspending';
  const isGivenUp = job.isQueued && job.deletionTimestamp !== undefined && isOurDoing;
  return isGivenUp ? suspending(observed, job, now) : undefined;
}

function suspending(observed: Observed, job: ObservedJob, now: Date): Decision {
  const { name, uid, isQueued, suspendedBy } = job;
  const isLeft = isQueued || !observed.pods.every(podHasEnded);
  if (!isLeft && suspendedBy !== undefined) return suspended(observed, now, 'Suspended');
  const stop: Action[] = suspendedBy === undefined ? [{ kind: 'suspendJob', name, uid }] : [];
  // Stored before the Job goes: whoever looks next would take it for one that somebody else deleted.
  const mustBeTold = isQueued && observed.run.status.reason !== 'Suspending';
  const giveUp = mustBeTold ? [] : deletionOf(job);
  const actions = isQueued ? giveUp : stop;
  const lostPod = observed.pods.find((pod) => !podHasEnded(pod) && isLost(pod, now));
  const why = lostPod === undefined ? '' : `, but ${lossOfNode(lostPod)}`;
  const message = `The run is being suspended${why}.`;
  const againMs = mustBeTold ? 0 : lookAgainMs;
  return stopping(observed, now, { reason: 'Suspending', message, actions, againMs });
}

/**
 * A pod that still ends would count as a failed attempt of a Job that goes on; those of earlier attempts have ended and
 * stay. One that does not end, since its node is gone, would keep the Job from another pod for ever.
 */
function resuming(observed: Observed, { name, uid }: ObservedJob, now: Date): Decision {
  const pod = observed.pods.findLast((one) => isEnding(one, now));
  if (pod === undefined)
    return { ...suspended(observed, now, 'Resumed'), actions: [{ kind: 'resumeJob', name, uid }] };
  if (observed.live === undefined && isLost(pod, now))
    return endReporting(observed, now, new RunError('WorkerLost', lossOfNode(pod)));
  return stopping(observed, now, {
    reason: 'Suspending',
    message: 'The attempt ends, then the run goes on.',
  });
}

function isEnding(pod: ObservedPod, now: Date): boolean {
  return !podHasEnded(pod) || (pod.deletionTimestamp !== undefined && !isLost(pod, now));
}

/** What is known of a pod that is lost with its node. */
export function lossOfNode({ name, nodeName }: ObservedPod): string {
  return `pod ${name} is being deleted, but node ${nodeName ?? '?'} does not answer`;
}

const messages = {
  Suspended: 'spec.suspend is true; set it to false for the run to go on.',
  Resumed: 'The run goes on.',
  Queued: 'Something else than this operator, mostly a queue such as Kueue, suspends the Job of the run.',
} as const;

function suspended(observed: Observed, now: Date, reason: keyof typeof messages): Decision {
  const phase = reason === 'Resumed' ? 'Pending' : 'Suspended';
  const { progress: _, ...status } = statusOf(observed, now, { phase, reason, message: messages[reason] });
  return { actions: [], status, requeueAfterMs: undefined };
}

/** When a pod that should be gone is looked at again. */
const lookAgainMs = 30_000;

type Stopping = {
  reason: 'Cancelling' | 'Suspending';
  message: string;
  actions?: Action[];
  againMs?: number;
};

function stopping(
  observed: Observed,
  now: Date,
  { actions = [], againMs = lookAgainMs, ...said }: Stopping,
): Decision {
  const { phase = 'Pending' } = observed.run.status;
  const active = isTerminalPhase(phase) ? 'Pending' : phase;
  const verdict: Verdict = { phase: active, ...said };
  const status = withReport(statusOf(observed, now, verdict), observed.live);
  return { actions, status, requeueAfterMs: againMs };
}
