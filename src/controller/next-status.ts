import type { Report } from '../api/report.ts';
import type { DockerRunStatus } from '../api/status.ts';
import type { RunError } from '../support/errors.ts';
import { conditionsOf, type Verdict } from './conditions.ts';
import type { Decision, Observed } from './decision.ts';

/** Ends a run with a failure that the controller found itself. */
export function end(
  observed: Observed,
  now: Date,
  error: RunError,
  { accepted } = { accepted: true },
): Decision {
  const verdict: Verdict = { phase: 'Failed', reason: error.reason, message: error.sentence, accepted };
  const status = statusOf(observed, now, verdict);
  return { actions: [], status: { ...status, completionTime: now.toISOString() }, requeueAfterMs: undefined };
}

/** The status of a verdict, with everything about the newest pod; what is not known any more stays as it was. */
export function statusOf(observed: Observed, now: Date, verdict: Verdict): DockerRunStatus {
  const { run, job, pods } = observed;
  const { progress: _, ...before } = run.status;
  const pod = pods.at(-1);
  const attempts = Math.max(before.attempts ?? 0, job?.attempts ?? 0, pods.length);
  return {
    ...before,
    observedGeneration: run.metadata.generation,
    phase: verdict.phase,
    reason: verdict.reason,
    message: verdict.message,
    conditions: conditionsOf(verdict, run.metadata.generation, before, now.toISOString()),
    attempts,
    ...(job === undefined ? {} : { jobName: job.name, startTime: before.startTime ?? job.creationTimestamp }),
    ...(pod === undefined ? {} : { podName: pod.name }),
    ...(pod?.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
  };
}

/** What a report adds to the status besides phase, reason and message. */
export function said(report: Report | undefined): Partial<DockerRunStatus> {
  if (report === undefined) return {};
  const { target, transfers, results, progress } = report;
  return {
    ...(target === undefined ? {} : { target }),
    ...(transfers === undefined ? {} : { transfers }),
    ...(results === undefined ? {} : { results }),
    ...(progress === undefined ? {} : { progress }),
  };
}

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
  const status = { ...statusOf(observed, now, verdict), ...said(word), completionTime: at };
  delete status.progress;
  return { actions: [], status, requeueAfterMs: undefined };
}
