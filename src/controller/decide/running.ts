import { isFailureReason } from '../../api/reasons.ts';
import { finalExitCodes, exitCodeOf } from '../../api/run-plan.ts';
import type { Report } from '../../api/report.ts';
import { type ActivePhase, type Phase, phaseMessages } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import { type BlockingEvent, type ObservedPod, terminationReport } from '../observe/observed.ts';
import { countAttempts, msUntilRemoval } from './attempts.ts';
import { endOfLastWorker } from './finished.ts';
import { failReportingOnly } from './cleanup.ts';
import { isLost, nodeLost } from './lost-node.ts';
import { fail, type Input, type Outcome, succeeded } from './outcome.ts';
import { pending, withRemedy } from './pending.ts';
import { requeueWhileRunning, startDeadlineExceeded } from './start-deadline.ts';

/** A run whose worker runs, or whose worker has ended while its Job has not. */

/** The deletion of the namespace ends the run, although its Job still waits for the pod. */
export function namespaceTerminating({ job, namespaceEnds }: Input): Outcome | undefined {
  if (job === undefined || !namespaceEnds) return undefined;
  return fail(new RunError('Cancelled', `namespace ${job.namespace} is being deleted`));
}

/** A pod on a lost node never ends; with podReplacementPolicy Failed, its Job would wait for it forever. */
export function workerLost(input: Input): Outcome | undefined {
  const { pods, live, now } = input;
  const pod = pods.at(-1);
  if (pod === undefined || pod.worker.kind === 'terminated' || live !== undefined) return undefined;
  return isLost(pod, now) ? failReportingOnly(input, nodeLost(pod)) : undefined;
}

/** A worker that reports Preparing after the start deadline; one that does not answer times out itself. */
export function preparedTooLong(input: Input): Outcome | undefined {
  const { pods, live, now } = input;
  const isPreparing = pods.at(-1)?.worker.kind === 'running' && live?.phase === 'Preparing';
  if (!isPreparing || !startDeadlineExceeded(input, now)) return undefined;
  const doing = live.progress?.message ?? phaseMessages.Preparing;
  return fail(new RunError('StartDeadlineExceeded', `the run was still being prepared: ${doing}`));
}

/** A success is final, even if the Job has replaced its pod by then. */
export function workerSucceeded({ pods }: Input): Outcome | undefined {
  const reports = pods.map(terminationReport);
  const report = reports.findLast((one) => one?.phase === 'Succeeded');
  return report && { verdict: succeeded(report), report };
}

/** After a failed attempt that the Job retries, the run is pending again. */
export function attemptEnded(input: Input): Outcome | undefined {
  const { run, job, pods, podRefusal } = input;
  const pod = pods.at(-1);
  if (pod === undefined || !(pod.worker.kind === 'terminated' || pod.isRejected)) return undefined;
  const report = terminationReport(pod);
  if (isFinal(report?.reason)) return undefined;
  if (pod.disruption !== undefined)
    return betweenAttempts(input, report, disruptionMessage(pod.name, pod.disruption));
  if (pod.failuresBefore >= (job?.backoffLimit ?? 0)) return undefined;
  const message = retryMessage(countAttempts(run.status, input), podRefusal, report);
  return betweenAttempts(input, report, message);
}

/**
 * A pod whose other containers outlive its worker: after the grace period, the run ends as its worker did. If a
 * retry follows, only the pod is deleted: the Job then counts it as a failed attempt and creates the next one.
 */
export function podOutlivesWorker(input: Input): Outcome | undefined {
  const pod = input.pods.at(-1);
  if (pod === undefined || msUntilRemoval(input, pod) !== 0) return undefined;
  const { name, uid, worker } = pod;
  if (worker.kind !== 'terminated') return undefined;
  if (worker.exitCode === 0) return { verdict: succeeded(worker.report), report: worker.report };
  const isFinal = (finalExitCodes as readonly number[]).includes(worker.exitCode);
  const retried = isFinal ? undefined : attemptEnded(input);
  if (retried === undefined) return endOfLastWorker(input, input.now.toISOString());
  return { ...retried, actions: [...(retried.actions ?? []), { kind: 'deletePod', name, uid }] };
}

/** The last rule: the worker runs, or the last attempt has ended and its Job reports that in a moment. */
export function workerRunning(input: Input): Outcome {
  const { run, now } = input;
  const pod = input.pods.at(-1);
  const report = pod?.worker.kind === 'terminated' ? pod.worker.report : input.live;
  const isSamePod = run.status.podName === pod?.name;
  const before = isSamePod ? activePhase(run.status.phase) : undefined;
  const phase = activePhase(report?.phase) ?? before ?? 'Preparing';
  const message = report?.progress?.message ?? phaseMessages[phase];
  return {
    verdict: { phase, reason: phase, message },
    report,
    requeueAfterMs: pod && requeueWhileRunning(input, pod, now),
  };
}

/** True for a reason whose exit code the Job's podFailurePolicy does not retry. */
function isFinal(reason: string | undefined): boolean {
  return isFailureReason(reason) && (finalExitCodes as readonly number[]).includes(exitCodeOf(reason));
}

/** The report of the attempt that has ended stays in the status until there is another attempt. */
function betweenAttempts(input: Input, report: Report | undefined, message: string): Outcome {
  const outcome = pending(input, message);
  if (report === undefined) return outcome;
  const { progress: _, ...lasting } = report;
  return { ...outcome, report: lasting };
}

function disruptionMessage(pod: string, { reason, message }: NonNullable<ObservedPod['disruption']>): string {
  return `Pod ${pod} was disrupted (${reason}: ${message}); a replacement follows.`;
}

function retryMessage(
  attempts: number,
  refusal: BlockingEvent | undefined,
  report: Report | undefined,
): string {
  const next =
    refusal === undefined
      ? 'a retry follows'
      : `the next pod cannot be created: ${withRemedy(refusal.message)}`;
  // The worker's message for a cancelled run has a remedy that is wrong for a retried one.
  const why = report?.reason === 'Cancelled' ? 'Its pod was terminated.' : (report?.message ?? '');
  return `Attempt ${attempts} failed; ${next}. ${why}`.trimEnd();
}

function activePhase(phase: Phase | undefined): ActivePhase | undefined {
  return phase === 'Preparing' || phase === 'Running' || phase === 'Uploading' ? phase : undefined;
}
