import { desiredPlannerJob, planHashOf } from './planner-job.ts';
import { needsPerson, withoutFailures } from './set-pauses.ts';
import { type AcceptedInput, listing, type SetOutcome, withoutPlanner } from './set-outcome.ts';

/** The planner of a pass: it is made, replaced when the spec has changed, and made again when it failed. */

/** The waits before the next planner after one that failed: short at first, because most are killed with their node. */
const problemMs = { first: 2_000, most: 3_600_000 } as const;

/** A pass without its planner: it has not been made yet, has failed, or was deleted. */
export function withoutJob(input: AcceptedInput): SetOutcome | undefined {
  const { set, status, now, worker, policy, planner, plannerRefusal } = input;
  if (planner.job !== undefined) return undefined;
  const { number = 1, problems = 0, problemTime } = status.pass ?? {};
  const wait = problems === 0 ? 0 : Math.min(problemMs.most, problemMs.first * 2 ** (problems - 1));
  const inMs = (Date.parse(problemTime ?? '') || 0) + wait - now.getTime();
  if (problems > 0 && inMs > 0) {
    const message = failureText(problems, lastMessage(input));
    return { verdict: { phase: 'Listing', reason: 'PassFailed', message }, requeueAfterMs: inMs };
  }
  if (plannerRefusal !== undefined) {
    const message = `The planner cannot be created now: ${plannerRefusal.message}`;
    return { verdict: listing(message), requeueAfterMs: 30_000 };
  }
  const pass = { ...(status.pass ?? { number }), generation: set.metadata.generation };
  const job = desiredPlannerJob(set, number, { worker, policy, status });
  return {
    verdict: listing('The planner of the pass is being created.'),
    status: { ...status, pass, live: { chunks: 0, target: set.spec.parallelism, ...status.live } },
    actions: [{ kind: 'createPlanner', job }],
    requeueAfterMs: 30_000,
  };
}

function lastMessage({ set: { status } }: AcceptedInput): string {
  const failed = status.conditions?.find(({ reason }) => reason === 'PassFailed');
  return failed?.message.replace(/^.*another one follows\. /s, '') ?? '';
}

/** The spec has changed in what the planner needs to know. */
export function outdatedPlanner(input: AcceptedInput): SetOutcome | undefined {
  const { set, planner, status } = input;
  const { job } = planner;
  if (job === undefined) return undefined;
  const isOther = job.origin.specHash !== planHashOf(set.spec);
  if (job.deletionTimestamp === undefined && !isOther) return undefined;
  return {
    verdict: listing('The planner of an earlier spec ends.'),
    status: isOther && job.deletionTimestamp === undefined ? withoutFailures(status) : status,
    actions: withoutPlanner(input),
    requeueAfterMs: 30_000,
  };
}

/** A planner that failed for a cause that may pass, or whose Job has ended before the pass was over. */
export function failedPlanner(input: AcceptedInput): SetOutcome | undefined {
  const { planner, status, now } = input;
  const { job, report } = planner;
  if (job === undefined || !hasFailed({ job, report })) return undefined;
  const { number = 1, problems = 0 } = status.pass ?? {};
  const message = failureText(problems + 1, whyOf(planner));
  const pass = { ...(status.pass ?? { number }), problems: problems + 1, problemTime: now.toISOString() };
  return {
    verdict: { phase: 'Listing', reason: 'PassFailed', message },
    status: { ...status, pass },
    actions: withoutPlanner(input),
    requeueAfterMs: 1_000,
  };
}

function hasFailed({ job, report }: Pick<AcceptedInput['planner'], 'job' | 'report'>): boolean {
  if (report?.state === 'Failed') return !needsPerson(report.reason ?? 'Unknown');
  return job?.finished !== undefined && report?.state !== 'Done';
}

function whyOf({ job, report }: AcceptedInput['planner']): string {
  if (report?.state === 'Failed') return `${report.reason ?? 'Unknown'}: ${report.message ?? ''}`;
  const { reason = '', message = '' } = job?.finished ?? {};
  return `Its Job ${job?.name ?? ''} ended (${reason}): ${message}`;
}

/** The planner has not answered yet. */
export function silentPlanner({ planner, status, chunks }: AcceptedInput): SetOutcome | undefined {
  const { job, report, pod } = planner;
  if (report !== undefined && pod !== undefined) return undefined;
  const doing = pod === undefined ? withoutPod(job) : stateOf(pod);
  const message = `The planner of pass ${status.pass?.number ?? 1} ${doing}.`;
  const live = chunks.some(({ isLive }) => isLive);
  const verdict = live ? ({ phase: 'Processing', reason: 'Processing', message } as const) : listing(message);
  const question = pod && {
    ...{ podUid: pod.uid, after: 0, isDone: false, isUrgent: true },
  };
  return { verdict, question, requeueAfterMs: 30_000 };
}

function withoutPod(job: AcceptedInput['planner']['job']): string {
  if (job?.suspendedBy === undefined) return 'has no pod yet';
  return 'waits: its Job is suspended by another controller, usually a queue such as Kueue';
}

function stateOf({
  worker,
  unschedulable,
  init,
  message,
}: NonNullable<AcceptedInput['planner']['pod']>): string {
  if (worker.kind === 'running') return 'runs, but has not answered yet';
  const why = worker.kind === 'waiting' ? [worker.reason, worker.message] : [worker.reason, message];
  const before = init && `init container ${init.sentence}`;
  const text = [unschedulable, before, ...why].filter((one) => one !== undefined && one !== '').join(', ');
  return `does not run yet${text === '' ? '' : ` (${text.slice(0, 300).toWellFormed()})`}`;
}

function failureText(problems: number, why: string): string {
  const often = problems === 1 ? 'failed' : `failed ${problems} times in a row`;
  return `The planner of the pass ${often}; another one follows. ${why}`;
}
