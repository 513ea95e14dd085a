import { isFailureReason } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import type { Attempt } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import { isTerminal, type ObservedJob, type ObservedPod, terminationReport } from '../observe/observed.ts';
import { awaitQueuedJobDeletion, cancelled } from './cancel-and-suspend.ts';
import { failAfterCleanup, hasCleanedUp, startCleanup } from './cleanup.ts';
import { type Action, fail, failed, type Input, type Outcome, succeeded } from './outcome.ts';

/** A run that has ended, or whose Job has ended. */

/** Requeue of an expired run whose cleanup Job still runs. */
const cleanupMs = 5_000;

/** The end is final: a Job that still runs is deleted, and the run itself when its time to live is over. */
export function ended(input: Input): Outcome | undefined {
  const { run, job } = input;
  if (!isTerminal(run.status)) return undefined;
  const isStopped = job === undefined || job.finished !== undefined || job.deletionTimestamp !== undefined;
  const mustStop = !isStopped && (run.status.phase !== 'Succeeded' || wouldRunAgain(input, job));
  const actions: Action[] =
    mustStop && job.ownerUid === run.metadata.uid
      ? [{ kind: 'deleteJob', name: job.name, uid: job.uid }]
      : [];
  const left = timeToLive(input);
  if (left !== undefined && left <= 0) return { verdict: 'unchanged', actions: [{ kind: 'deleteRun' }] };
  return { verdict: 'reobserved', actions, requeueAfterMs: left };
}

/** A Job that was suspended before it counted a success runs the target again when a queue resumes it. */
function wouldRunAgain({ pods }: Input, { suspendedBy }: ObservedJob): boolean {
  const counts = (pod: ObservedPod) =>
    terminationReport(pod)?.phase === 'Succeeded' && pod.deletionTimestamp === undefined;
  return suspendedBy !== undefined && !pods.some(counts);
}

/** Milliseconds until a run that has ended is deleted; undefined when it is kept. */
function timeToLive({ run, cleanupJob, now }: Input): number | undefined {
  const ttl = run.spec?.ttlSecondsAfterFinished;
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
  const pod = lastEndedPod(input.pods);
  const report = terminationReport(pod);
  const endedAt = job.finished.at || now.toISOString();
  if (job.finished.succeeded) return { verdict: succeeded(report), report, endedAt };
  const stopped = isStop(report) ? (cancelled(input) ?? awaitQueuedJobDeletion(input, job)) : undefined;
  return stopped ?? workerFailed(input, report, endedAt) ?? workerVanished(input, job, endedAt);
}

/** The failure that the worker of the last attempt reported. */
function workerFailed(input: Input, report: Report | undefined, endedAt: string): Outcome | undefined {
  const reported = report ?? lastReported(input);
  if (!isFailureReason(reported?.reason)) return undefined;
  const message = reported.message ?? '';
  const actions = hasCleanedUp(reported) ? [] : startCleanup(input, { kind: 'failed', message });
  return { verdict: failed(reported.reason, message), report, endedAt, actions };
}

function workerVanished(input: Input, job: ObservedJob, lostAt: string): Outcome {
  const error = new RunError('WorkerLost', lossOf(lastEndedPod(input.pods), job));
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

function lastEndedPod(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return pods.findLast((pod) => pod.worker.kind === 'terminated') ?? pods.at(-1);
}

function lossOf(pod: ObservedPod | undefined, { finished }: ObservedJob): string {
  if (pod === undefined) return `the pod is gone; its Job reports: ${finished?.message ?? 'no message'}`;
  const { name, nodeName, worker } = pod;
  const where = nodeName === undefined ? '' : ` on node ${nodeName}`;
  const how =
    worker.kind === 'terminated'
      ? `: the worker ended with ${worker.reason || 'exit code'} ${worker.exitCode}`
      : '';
  const why = [pod.reason, pod.message].filter((text) => text !== undefined && text !== '').join(', ');
  return `pod ${name}${where} ended without a termination message${how}${why === '' ? '' : ` (${why})`}`;
}
