import { boundedReport, type Report } from '../api/report.ts';
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
  const pod = pods.at(-1);
  const before = withoutTheMoment(run.status, pod?.name);
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

/** Progress is of a moment; transfers and results are of one attempt. */
function withoutTheMoment(status: DockerRunStatus, podName: string | undefined): DockerRunStatus {
  const { progress: _, ...before } = status;
  if (podName === undefined || before.podName === undefined || before.podName === podName) return before;
  const { transfers: __, results: ___, ...others } = before;
  return others;
}

/** What a report adds to a status of the same attempt, besides phase, reason and message. */
export function withReport(status: DockerRunStatus, report: Report | undefined): DockerRunStatus {
  if (report === undefined) return status;
  const { target, transfers, progress } = report;
  const results = longerResults(status, boundedReport(report));
  return {
    ...status,
    ...(target === undefined ? {} : { target }),
    ...(transfers === undefined ? {} : { transfers }),
    ...(results === undefined ? {} : { results }),
    ...(progress === undefined ? {} : { progress }),
  };
}

/** An attempt's results only become more: the final word, which has little room, takes back none of them. */
function longerResults(before: DockerRunStatus, { results }: Report): DockerRunStatus['results'] {
  return (before.results?.length ?? 0) > (results?.length ?? 0) ? before.results : results;
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
  const results = withReport(statusOf(observed, now, verdict), word).results?.length ?? 0;
  const all = word?.resultCount ?? 0;
  const room = all > results ? ` The status has room for ${results} of ${all} results.` : '';
  const said = statusOf(observed, now, { ...verdict, message: `${verdict.message}${room}` });
  const status = { ...withReport(said, word), completionTime: at };
  delete status.progress;
  return { actions: [], status, requeueAfterMs: undefined };
}
