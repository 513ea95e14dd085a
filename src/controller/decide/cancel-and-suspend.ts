import { isTerminalPhase } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import {
  isCancelled,
  type ObservedJob,
  type ObservedPod,
  type ObservedRun,
  podHasEnded,
  terminationReport,
} from '../observe/observed.ts';
import { failReportingOnly, failWithCleanup, hasCleanedUp, startCleanup } from './cleanup.ts';
import { isLost, lossOfNode, nodeLost, requeueWhileEnding, stoppedOnLostNode } from './lost-node.ts';
import { type Action, fail, failed, type Input, type Outcome, succeeded } from './outcome.ts';

/** spec.cancel, spec.suspend and deletion: a run that must stop, for good or for now. */

/** What `kubectl delete --cascade=orphan` writes on an object whose dependents must stay. */
const orphanFinalizer = 'orphan';

/** What `kubectl delete --cascade=foreground` writes on an object that is deleted after its dependents. */
const foregroundFinalizer = 'foregroundDeletion';

/** A run that is being deleted, and that no finalizer holds, gets no more status; only its Job is deleted. */
export function deleted({ run, job }: Input): Outcome | undefined {
  if (!isDeletedUnheld(run)) return undefined;
  const { uid, finalizers = [] } = run.metadata;
  const mustStop =
    job?.ownerUid === uid && job.finished === undefined && !finalizers.includes(orphanFinalizer);
  return { verdict: 'unchanged', actions: mustStop ? deletionOf(job) : [] };
}

function isDeletedUnheld({ metadata: { deletionTimestamp, finalizers = [] } }: ObservedRun): boolean {
  const isOrphaning = finalizers.includes(orphanFinalizer);
  return deletionTimestamp !== undefined && (isOrphaning || finalizers.every(isOfKubernetes));
}

const isOfKubernetes = (finalizer: string) => finalizer === foregroundFinalizer;

/** A run that must stop for good: its Job and pods are deleted, and it ends when its last pod has ended. */
export function cancelled(input: Input): Outcome | undefined {
  const { run, job, pods, now } = input;
  if (!isCancelled(run)) return undefined;
  const pod = pods.at(-1);
  const report = terminationReport(pod);
  if (report?.phase === 'Succeeded') return { verdict: succeeded(report), report };
  const { actions, requeueAfterMs } = deletionOfAll(input);
  const { by, doing } = run.spec?.cancel === true ? stops.cancel : stops.deletion;
  const error = new RunError('Cancelled', by);
  if (pods.every(podHasEnded)) {
    if (hasCleanedUp(report)) {
      const open = leavesJobOpen(input)
        ? startCleanup(input, { kind: 'cancelled', message: error.sentence })
        : [];
      return { verdict: failed('Cancelled', error.sentence), report, actions: [...actions, ...open] };
    }
    if (job === undefined) return cancelledWithoutJob(input, error);
  }
  if (pod !== undefined && isLost(pod, now)) return failReportingOnly(input, stoppedOnLostNode(pod, by));
  return stopping(input, { reason: 'Cancelling', message: doing, actions, requeueAfterMs });
}

/** Whether the last worker left the job in Girder to a next one, which now never comes. */
function leavesJobOpen({ pods }: Input): boolean {
  const pod = pods.at(-1);
  const reason = terminationReport(pod)?.reason;
  const endedIt = reason === 'Cancelled' ? pod?.disruption === undefined : reason === 'CancelledInGirder';
  return !endedIt;
}

/**
 * Deletes the Job, or the pods that it left. The Job's name is stored first: after a crash between the deletion
 * and the status, the run would look like one that never had a Job, and nothing would be cleaned up.
 */
function deletionOfAll(input: Input): { actions: Action[]; requeueAfterMs: number } {
  const { run, job, pods, now } = input;
  const wait = requeueWhileEnding(pods, now);
  if (job === undefined) return { actions: deletionOfOrphans(input), requeueAfterMs: wait };
  return run.status.jobName === undefined
    ? { actions: [], requeueAfterMs: 0 }
    : { actions: deletionOf(job), requeueAfterMs: wait };
}

/** A run that never had a Job has nothing to clean up. */
function cancelledWithoutJob(input: Input, error: RunError): Outcome {
  return input.run.status.jobName === undefined ? fail(error) : failWithCleanup(input, error);
}

const stops = {
  cancel: { by: 'the run was cancelled by spec.cancel', doing: 'The run is being cancelled.' },
  deletion: { by: 'the run was deleted', doing: 'The run is being deleted.' },
} as const;

function deletionOf({ name, uid, deletionTimestamp }: ObservedJob): Action[] {
  return deletionTimestamp === undefined ? [{ kind: 'deleteJob', name, uid, waits: true }] : [];
}

/** Deletes the pods that a deleted Job left behind: `kubectl delete --cascade=orphan` keeps them. */
export function deletionOfOrphans({ pods }: Input): Action[] {
  const orphans = pods.filter((pod) => !podHasEnded(pod) && pod.deletionTimestamp === undefined);
  return orphans.map(({ name, uid }) => ({ kind: 'deletePod', name, uid }));
}

/**
 * A run that spec.suspend or a queue (Kueue) suspends, or that is resumed; a pod that succeeded takes
 * precedence. A Job of a queue is deleted instead of suspended, because the queue would resume it.
 */
export function suspended(input: Input): Outcome | undefined {
  const { run, job, pods } = input;
  const wanted = run.spec?.suspend === true;
  if (job === undefined) return wanted ? standingStill('Suspended') : undefined;
  if (terminationReport(pods.at(-1))?.phase === 'Succeeded') return undefined;
  if (wanted) return suspending(input, job);
  const awaited = awaitQueuedJobDeletion(input, job);
  if (awaited !== undefined) return awaited;
  if (job.suspendedBy === 'operator') return resuming(input, job);
  return job.suspendedBy === 'other' ? standingStill('Queued') : undefined;
}

/** Waits for the deletion of a queue's Job that suspends the run, even if the run was resumed since. */
export function awaitQueuedJobDeletion(input: Input, job: ObservedJob): Outcome | undefined {
  const { status, spec } = input.run;
  const isDeletedByUs = spec?.suspend === true || status.reason === 'Suspending';
  const isAwaited = job.isQueued && job.deletionTimestamp !== undefined && isDeletedByUs;
  return isAwaited ? suspending(input, job) : undefined;
}

function suspending(input: Input, job: ObservedJob): Outcome {
  const { pods, run, now } = input;
  const { name, uid, isQueued, suspendedBy } = job;
  const mustStop = isQueued || !pods.every(podHasEnded);
  if (!mustStop && suspendedBy !== undefined) return standingStill('Suspended');
  const suspend: Action[] = suspendedBy === undefined ? [{ kind: 'suspendJob', name, uid }] : [];
  // The reason is stored before the Job is deleted; otherwise, the next reconcile ends it as JobDeleted.
  const mustStore = isQueued && run.status.reason !== 'Suspending';
  const queued = mustStore ? [] : deletionOf(job);
  const lostPod = pods.find((pod) => !podHasEnded(pod) && isLost(pod, now));
  const why = lostPod === undefined ? '' : `, but ${lossOfNode(lostPod)}`;
  return stopping(input, {
    reason: 'Suspending',
    message: `The run is being suspended${why}.`,
    actions: isQueued ? queued : suspend,
    requeueAfterMs: mustStore ? 0 : requeueWhileEnding(pods, now),
  });
}

/**
 * Resumes the Job once no pod is ending: such a pod would count as a failed attempt of the resumed Job. A pod
 * that never ends, because its node is lost, fails the run, because the Job would never replace it.
 */
function resuming(input: Input, { name, uid }: ObservedJob): Outcome {
  const { pods, live, now } = input;
  const pod = pods.findLast((one) => isEnding(one, now));
  if (pod === undefined) return { ...standingStill('Resumed'), actions: [{ kind: 'resumeJob', name, uid }] };
  if (live === undefined && isLost(pod, now)) return failReportingOnly(input, nodeLost(pod));
  return stopping(input, {
    reason: 'Suspending',
    message: 'The run resumes as soon as the pod of the suspended attempt has ended.',
  });
}

function isEnding(pod: ObservedPod, now: Date): boolean {
  return !podHasEnded(pod) || (pod.deletionTimestamp !== undefined && !isLost(pod, now));
}

const messages = {
  Suspended: 'spec.suspend is true; set it to false to resume the run.',
  Resumed: 'The run was resumed.',
  Queued: 'The Job is suspended by another controller, usually a queue such as Kueue.',
} as const;

function standingStill(reason: keyof typeof messages): Outcome {
  const phase = reason === 'Resumed' ? 'Pending' : 'Suspended';
  return { verdict: { phase, reason, message: messages[reason] } };
}

type Stopping = Pick<Outcome, 'actions' | 'requeueAfterMs'> & {
  reason: 'Cancelling' | 'Suspending';
  message: string;
};

function stopping(
  { run, live, pods, now }: Input,
  { reason, message, actions, requeueAfterMs }: Stopping,
): Outcome {
  const { phase = 'Pending' } = run.status;
  const active = isTerminalPhase(phase) ? 'Pending' : phase;
  return {
    verdict: { phase: active, reason, message },
    report: live,
    actions: actions ?? [],
    requeueAfterMs: requeueAfterMs ?? requeueWhileEnding(pods, now),
  };
}
