import { isFailureReason } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import type { Attempt } from '../../api/status.ts';
import { timeToLiveSeconds } from '../../policy/bounds.ts';
import { RunError } from '../../support/errors.ts';
import { isTerminal, type ObservedJob, type ObservedPod, terminationReport } from '../observe/observed.ts';
import { awaitQueuedJobDeletion, cancelled } from './cancel-and-suspend.ts';
import { podRejected } from './disruptions.ts';
import { failAfterCleanup, failWithCleanup, hasCleanedUp, startCleanup } from './cleanup.ts';
import { msUntilRemoval } from './attempts.ts';
import { type Action, fail, failed, type Input, type Outcome, succeeded } from './outcome.ts';

/** A run that has ended, or whose Job has ended. */

/** Requeue of an expired run whose cleanup Job still runs. */
const cleanupMs = 5_000;

/** The end is final: a Job that still runs is deleted, and the run itself when its time to live is over. */
export function ended(input: Input): Outcome | undefined {
  const { run, job } = input;
  if (!isTerminal(run.status)) return undefined;
  const isActive = job !== undefined && job.finished === undefined && job.deletionTimestamp === undefined;
  const removal = isActive ? removalIn(input) : undefined;
  const actions = isActive && (mustStop(input, job) || removal === 0) ? deletionOfOwn(input, job) : [];
  const left = timeToLive(input);
  if (left !== undefined && left <= 0) return { verdict: 'unchanged', actions: [{ kind: 'deleteRun' }] };
  return { verdict: 'reobserved', actions, requeueAfterMs: sooner(left, removal || undefined) };
}

function mustStop(input: Input, job: ObservedJob): boolean {
  return input.run.status.phase !== 'Succeeded' || wouldRunAgain(input, job);
}

function deletionOfOwn({ run }: Input, { name, uid, ownerUid }: ObservedJob): Action[] {
  return ownerUid === run.metadata.uid ? [{ kind: 'deleteJob', name, uid }] : [];
}

function sooner(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** Milliseconds until the pod of a success is removed, which other containers keep running. */
function removalIn(input: Input): number | undefined {
  const pod = input.pods.at(-1);
  return pod && msUntilRemoval(input, pod);
}

/**
 * True for a Job that runs the target again after its success: a queue resumes one that was suspended before it
 * counted the success, and a pod that was disrupted while other containers still ran is replaced.
 */
function wouldRunAgain({ pods }: Input, { suspendedBy }: ObservedJob): boolean {
  const counts = (pod: ObservedPod) => hasSucceeded(pod) && pod.deletionTimestamp === undefined;
  const last = pods.at(-1);
  const isReplaced = pods.some(hasSucceeded) && last !== undefined && !hasSucceeded(last);
  const willBeReplaced = last?.phase === 'Failed' && last.disruption !== undefined;
  return (suspendedBy !== undefined && !pods.some(counts)) || isReplaced || willBeReplaced;
}

/** Milliseconds until a run that has ended is deleted; undefined when it is kept. */
function timeToLive({ run, cleanupJob, policy, now }: Input): number | undefined {
  const ttl = run.spec && timeToLiveSeconds(run.spec, policy);
  if (ttl === undefined || run.status.completionTime === undefined) return undefined;
  if (run.metadata.deletionTimestamp !== undefined) return undefined;
  const left = Date.parse(run.status.completionTime) + ttl * 1000 - now.getTime();
  // The cleanup Job would be deleted with the run. Its own deadline limits how long it delays that.
  const isCleaningUp = cleanupJob !== undefined && cleanupJob.finished === undefined;
  return isCleaningUp ? Math.max(left, cleanupMs) : left;
}

/** Another owner has a Job with the name of ours. */
export function foreignJob({ run, job }: Input): Outcome | undefined {
  if (job === undefined || job.ownerUid === run.metadata.uid) return undefined;
  const problem = `a Job ${job.name} that does not belong to this run exists in namespace ${job.namespace}`;
  return fail(new RunError('JobRefused', problem));
}

/** The Job has ended: with a success, because the run was stopped, with a failure, or without a report. */
export function jobFinished(input: Input): Outcome | undefined {
  const { job, now } = input;
  if (job?.finished === undefined) return undefined;
  const report = terminationReport(input.pods.findLast(hasSucceeded) ?? lastEndedPod(input.pods));
  const endedAt = job.finished.at || now.toISOString();
  // A container that others added fails the pod, and so the Job, of a worker that has succeeded.
  const isSuccess = job.finished.succeeded || report?.phase === 'Succeeded';
  if (isSuccess) return { verdict: succeeded(report), report, endedAt };
  const stopped = isStop(report) ? (cancelled(input) ?? awaitQueuedJobDeletion(input, job)) : undefined;
  return stopped ?? podRejected(input) ?? endOfLastWorker(input, endedAt);
}

/** How a run ends whose last worker did not succeed. */
export function endOfLastWorker(input: Input, endedAt: string): Outcome {
  const report = terminationReport(lastEndedPod(input.pods));
  return initFailed(input, endedAt) ?? workerFailed(input, report, endedAt) ?? workerVanished(input, endedAt);
}

/** An init container that others added to the pod failed, so that the worker never ran. */
function initFailed(input: Input, endedAt: string): Outcome | undefined {
  const pod = input.pods.at(-1);
  if (pod?.init?.failed !== true) return undefined;
  const error = new RunError('WorkerNotStarted', `pod ${pod.name}: init container ${pod.init.sentence}`);
  return { ...failWithCleanup(input, error), endedAt };
}

/** The failure that the worker of the last attempt reported. */
function workerFailed(input: Input, report: Report | undefined, endedAt: string): Outcome | undefined {
  const reported = report ?? lastReported(input);
  if (!isFailureReason(reported?.reason)) return undefined;
  const message = reported.message ?? '';
  const actions = hasCleanedUp(reported) ? [] : startCleanup(input, { kind: 'failed', message });
  return { verdict: failed(reported.reason, message), report, endedAt, actions };
}

function workerVanished(input: Input, lostAt: string): Outcome {
  const error = new RunError('WorkerLost', lossOf(lastEndedPod(input.pods), input.job));
  return failAfterCleanup(input, { error, lostAt });
}

/** A Job that is deleted because its run is cancelled or suspended fails, because its pods are terminated. */
function isStop(report: Report | undefined): boolean {
  return (report?.reason ?? 'Cancelled') === 'Cancelled';
}

/** The last attempt as in the status, for a Job that ended after its pod was deleted. */
function lastReported({ run, pods }: Input): Pick<Attempt, 'reason' | 'message'> | undefined {
  const last = pods.length === 0 ? run.status.attemptHistory?.at(-1) : undefined;
  return last?.completionTime === undefined || last.reason === 'WorkerLost' ? undefined : last;
}

function hasSucceeded(pod: ObservedPod): boolean {
  return terminationReport(pod)?.phase === 'Succeeded';
}

function lastEndedPod(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return pods.findLast((pod) => pod.worker.kind === 'terminated') ?? pods.at(-1);
}

function lossOf(pod: ObservedPod | undefined, job: ObservedJob | undefined): string {
  if (pod === undefined) return `the pod is gone; its Job reports: ${job?.finished?.message ?? 'no message'}`;
  const { name, nodeName, worker } = pod;
  const where = nodeName === undefined ? '' : ` on node ${nodeName}`;
  const how =
    worker.kind === 'terminated'
      ? `: the worker ended with ${worker.reason || 'exit code'} ${worker.exitCode}`
      : '';
  const why = [pod.reason, pod.message].filter((text) => text !== undefined && text !== '').join(', ');
  return `pod ${name}${where} ended without a termination message${how}${why === '' ? '' : ` (${why})`}`;
}
