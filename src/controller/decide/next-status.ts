import type { Report } from '../../api/report.ts';
import { type FailureReason, isCancellation } from '../../api/reasons.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import { cutToBytes } from '../../api/text-size.ts';
import type { RunError } from '../../support/errors.ts';
import { conditionsOf, type Verdict } from './conditions.ts';
import { attemptHistory, closed, countAttempts } from './attempt-history.ts';
import type { Decision, Observed } from './decision.ts';
import type { ObservedRun } from '../observe/observed.ts';

/** Ends a run with a failure that the controller found itself. */
export function end(
  observed: Observed,
  now: Date,
  error: RunError,
  { accepted } = { accepted: true },
): Decision {
  const verdict = failure(error.reason, error.sentence, accepted);
  const { progress: _, ...status } = statusOf(observed, now, verdict);
  return { actions: [], status: { ...status, completionTime: now.toISOString() }, requeueAfterMs: undefined };
}

/**
 * The status of a run that has ended, told of a spec that was changed since, as its time to live may be: nobody would
 * trust it else (kstatus, `kubectl wait`). Nothing when it is of this spec.
 */
export function carriedOver(run: ObservedRun): DockerRunStatus | undefined {
  const { status } = run;
  const { generation } = run.metadata;
  const { phase, observedGeneration, conditions = [] } = status;
  const isOfAnother = observedGeneration !== undefined && observedGeneration !== generation;
  if (!isTerminalPhase(phase) || !isOfAnother) return undefined;
  return {
    ...status,
    observedGeneration: generation,
    conditions: conditions.map((condition) => ({ ...condition, observedGeneration: generation })),
  };
}

/** The verdict on a run that has ended without success: it failed, or somebody stopped it. */
export function failure(reason: FailureReason, message: string, accepted = true): Verdict {
  return { phase: isCancellation(reason) ? 'Cancelled' : 'Failed', reason, message, accepted };
}

/** A message stands in the status and in each condition; what others say in it may be of any length. */
const mostMessageBytes = 4_096;

/** The status of a verdict, with everything about the newest pod; what is not known any more stays as it was. */
export function statusOf(observed: Observed, now: Date, said: Verdict): DockerRunStatus {
  const { run, job, pods } = observed;
  const verdict = { ...said, message: cutToBytes(said.message, mostMessageBytes) };
  const pod = pods.at(-1);
  const before = withoutTheMoment(run.status, pod?.name);
  return {
    ...before,
    observedGeneration: run.metadata.generation,
    phase: verdict.phase,
    reason: verdict.reason,
    message: verdict.message,
    conditions: conditionsOf(verdict, run.metadata.generation, before, now.toISOString()),
    attempts: countAttempts(before, observed),
    ...withHistory(before.attemptHistory, observed, { verdict, now }),
    ...(job === undefined ? {} : { jobName: job.name, startTime: before.startTime ?? job.creationTimestamp }),
    ...(pod === undefined ? {} : { podName: pod.name }),
    ...(pod?.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
  };
}

function withHistory(
  before: DockerRunStatus['attemptHistory'],
  observed: Observed,
  { verdict, now }: { verdict: Verdict; now: Date },
): Pick<DockerRunStatus, 'attemptHistory'> {
  const history = attemptHistory(before ?? [], observed, now);
  if (history.length === 0) return {};
  return { attemptHistory: isTerminalPhase(verdict.phase) ? closed(history, verdict, now) : history };
}

/** Progress is of a moment; target, transfers and results are of one attempt. */
function withoutTheMoment(status: DockerRunStatus, podName: string | undefined): DockerRunStatus {
  const { progress: _, ...before } = status;
  if (podName === undefined || before.podName === undefined || before.podName === podName) return before;
  const { target: __, transfers: ___, results: ____, resultCount: _____, ...others } = before;
  return others;
}

/** What a report adds to a status of the same attempt, besides phase, reason and message. */
export function withReport(status: DockerRunStatus, report: Report | undefined): DockerRunStatus {
  if (report === undefined) return status;
  const { target, transfers, results, resultCount, progress } = report;
  return {
    ...status,
    ...(target === undefined ? {} : { target }),
    ...(transfers === undefined ? {} : { transfers }),
    ...(results === undefined ? {} : { results }),
    ...(resultCount === undefined ? {} : { resultCount }),
    ...(progress === undefined ? {} : { progress }),
  };
}

const done = { message: 'Everything is done.', percent: 100, summary: '100%' };

/** The verdict on a run whose worker, or whose Job, ended well. */
export function success(word: Report | undefined): Verdict {
  return {
    phase: 'Succeeded',
    reason: 'Succeeded',
    message: word?.message ?? 'The target ended with exit code 0.',
  };
}

/** Ends a run as its worker or its Job said. */
export function endAs(
  observed: Observed,
  now: Date,
  { verdict, word, at }: { verdict: Verdict; word: Report | undefined; at: string },
): Decision {
  const { progress: _, ...ended } = withReport(statusOf(observed, now, verdict), word);
  const progress = verdict.phase === 'Succeeded' ? { progress: done } : {};
  return { actions: [], status: { ...ended, ...progress, completionTime: at }, requeueAfterMs: undefined };
}
