import { maxAttempts, type Attempt, type DockerRunStatus } from '../../api/status.ts';
import { specDefaults } from '../../api/spec.ts';
import { boundedDefault } from '../../policy/bounds.ts';
import { RunError } from '../../support/errors.ts';
import {
  type Observed,
  type ObservedJob,
  type ObservedPod,
  podHasEnded,
  terminationReport,
} from '../observe/observed.ts';
import { attemptHistory, isOlderThanHistory } from './attempts.ts';
import { failWithCleanup } from './cleanup.ts';
import { requeueWhileEnding } from './lost-node.ts';
import type { Input, Outcome, Verdict } from './outcome.ts';
import { msUntilNextJob } from './start-deadline.ts';

/**
 * Bounds for pods that end without the fault of their run. The Job replaces them without counting, so a run
 * that fills each node's disk would otherwise go from node to node for ever.
 */

/** How many pods of a run were disrupted; each counts when its attempt ends in the status. */
export function countDisruptions(
  { disruptions = 0, attemptHistory: known = [] }: DockerRunStatus,
  { pods }: Observed,
): number {
  const ended = new Set(known.filter(({ completionTime }) => completionTime).map(({ podUID }) => podUID));
  const isFull = known.length >= maxAttempts;
  const isNew = (pod: ObservedPod) => !ended.has(pod.uid) && !(isFull && isOlderThanHistory(pod, known));
  return disruptions + pods.filter((pod) => isDisrupted(pod) && isNew(pod)).length;
}

function isDisrupted(pod: ObservedPod): boolean {
  return podHasEnded(pod) && pod.disruption !== undefined && terminationReport(pod)?.phase !== 'Succeeded';
}

/** Ends a run whose pods were disrupted more often than it allows, or evicted for what the run used. */
export function disruptedTooOften(input: Input): Outcome | undefined {
  const { run, pods, job, policy } = input;
  const pod = pods.at(-1);
  if (job === undefined || terminationReport(pod)?.phase === 'Succeeded') return undefined;
  const evicted = evictedTooOften(input);
  if (evicted !== undefined) return evicted;
  const limit =
    run.spec === undefined
      ? specDefaults.disruptionLimit
      : boundedDefault(run.spec, 'disruptionLimit', policy);
  const disruptions = countDisruptions(run.status, input);
  if (disruptions <= limit) return undefined;
  const last = pods.findLast(isDisrupted)?.disruption;
  const why = last === undefined ? '' : `; the last time: ${last.reason}: ${last.message}`;
  const times = disruptions === 1 ? 'once' : `${disruptions} times`;
  const problem = `the pods of the run were disrupted ${times}, and disruptionLimit is ${limit}${why}`;
  return failWithCleanup(input, new RunError('DisruptedTooOften', problem));
}

/**
 * A Job counts the pods that their nodes rejected, which is no fault of the run. So it is made again with what is
 * left of backoffLimit, after the pause that a Job makes, and at most disruptionLimit times.
 */
export function podRejected(input: Input): Outcome | undefined {
  const rejection = rejectionOf(input);
  if (rejection !== undefined) return disruptedTooOften(input) ?? makeAgain(input, rejection);
  const { job, run } = input;
  return job !== undefined && isBeingReplaced(input)
    ? replaceJob(input, job, run.status.message ?? '')
    : undefined;
}

/** True for the failed Job of a rejection that is stored: its pods may be gone before it is. */
function isBeingReplaced({ run, job }: Input): boolean {
  const { reason, attemptHistory = [] } = run.status;
  const last = attemptHistory.at(-1)?.startTime;
  const isStored = reason === 'PodRejected' && usedUp.includes(job?.finished?.reason ?? '');
  // A later Job was created after the last pod that is known.
  return isStored && last !== undefined && Date.parse(job?.creationTimestamp ?? '') <= Date.parse(last);
}

/** The last pod that was rejected, and how many others count against backoffLimit. */
type Rejection = { readonly job: ObservedJob; readonly pod: ObservedPod; readonly failures: number };

/** What a Job says that ran out of its backoffLimit. A failure that a retry cannot fix has another reason. */
const usedUp: readonly string[] = ['FailedIndexes', 'BackoffLimitExceeded'];

function rejectionOf({ job, pods }: Input): Rejection | undefined {
  const rejected = pods.filter(({ isRejected }) => isRejected);
  const pod = pods.at(-1);
  // A last pod of any other kind had a worker, which has reported the end of the run, also to Girder.
  if (pod?.isRejected !== true || job?.finished === undefined || !usedUp.includes(job.finished.reason))
    return undefined;
  const failures = Math.max(0, job.endedPods - rejected.length);
  return failures > job.backoffLimit ? undefined : { job, pod, failures };
}

/** The reason is stored before the Job is deleted; otherwise, the next reconcile ends the run as JobDeleted. */
function makeAgain(input: Input, { job, pod, failures }: Rejection): Outcome {
  const { name, nodeName, reason, message } = pod;
  const verdict: Verdict = {
    phase: 'Pending',
    reason: 'PodRejected',
    message: `Node ${nodeName} rejected pod ${name} (${reason}: ${message}). That does not use up backoffLimit; another pod follows.`,
  };
  const wait = msUntilNextJob(input);
  const { status } = input.run;
  if (status.reason !== 'PodRejected')
    return {
      verdict,
      failedAttempts: (status.failedAttempts ?? 0) + failures,
      requeueAfterMs: Math.max(1, wait),
    };
  return replaceJob(input, job, verdict.message);
}

/** Deletes the Job after the pause, and waits until it is gone. */
function replaceJob(input: Input, job: ObservedJob, message: string): Outcome {
  const wait = msUntilNextJob(input);
  const mayDelete = wait === 0 && job.deletionTimestamp === undefined;
  return {
    verdict: { phase: 'Pending', reason: 'PodRejected', message },
    actions: mayDelete ? [{ kind: 'deleteJob', name: job.name, uid: job.uid, waits: true }] : [],
    requeueAfterMs: wait || requeueWhileEnding(input.pods, input.now),
  };
}

/** The Job does not count evictions, so they are added to the failures that it counts. */
function evictedTooOften(input: Input): Outcome | undefined {
  const { run, pods, now } = input;
  const history = attemptHistory(run.status.attemptHistory ?? [], input, now);
  const evictions = countedEvictions(history);
  const pod = pods.at(-1);
  // The failure of another kind that is the last is reported by the Job.
  if (evictions === 0 || hasFailedItself(pod)) return undefined;
  const failures = evictions + failuresBefore(run.status, pod);
  if (failures <= (run.spec?.backoffLimit ?? 0)) return undefined;
  const last = history.findLast(isEviction);
  const problem = `pod ${last?.podName} was evicted: ${last?.message ?? 'its node ran out of a resource'}`;
  return failWithCleanup(input, new RunError('Evicted', problem));
}

/** How many attempts before a pod failed by themselves, also under an earlier Job. */
function failuresBefore({ failedAttempts = 0 }: DockerRunStatus, pod: ObservedPod | undefined): number {
  return failedAttempts + (pod?.failuresBefore ?? 0);
}

function hasFailedItself(pod: ObservedPod | undefined): boolean {
  return pod !== undefined && podHasEnded(pod) && pod.disruption === undefined;
}

/** A rejection under pressure has the same reason, but nothing of the run used the node. */
const isEviction = ({ reason, message = '' }: Attempt) =>
  reason === 'Evicted' && !message.startsWith('Pod was rejected');

/** What the kubelet writes about a container that used more than it requested. */
const consumed = /has larger consumption of/;

/**
 * How many evictions count as failed attempts. The kubelet names only containers that it started, so the
 * target does not show; but of two evictions, the run is what their nodes had in common.
 */
function countedEvictions(history: readonly Attempt[]): number {
  const evictions = history.filter(isEviction);
  const named = evictions.filter(({ message = '' }) => consumed.test(message)).length;
  return named + Math.max(0, evictions.length - named - 1);
}
