import { defined } from '../../../api/json-values.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { PlannerReport } from '../../../api/set/window.ts';
import { uncounted } from '../observe/chunk-ends.ts';
import { bounded } from './counting.ts';
import { dueOf, isComplete } from './pass-schedule.ts';
import { desiredPlannerJob, planHashOf } from './planner-job.ts';
import { hasOtherWindow, isCanary, startedUpTo, startsOf } from './set-chunks.ts';
import { needsPerson, withoutFailures } from './set-pauses.ts';
import {
  type AcceptedInput,
  safetyMs,
  type SetOutcome,
  type SetVerdict,
  withoutPlanner,
} from './set-outcome.ts';

/** The passes of a set: between two of them, with a planner, and at their end. */

/** Between passes: complete for now or for good, or the next pass begins. */
export function betweenPasses(input: AcceptedInput): SetOutcome | undefined {
  const { set, status, now } = input;
  if (isInPass(status)) return undefined;
  const { generation, creationTimestamp: created } = set.metadata;
  const due = dueOf({ spec: set.spec, status, generation, created }, now);
  if (due.isDue) return begin(input);
  const actions = withoutPlanner(input);
  const requeueAfterMs = Math.min(due.inMs ?? Infinity, safetyMs);
  return { verdict: idle(input, due.inMs), actions, requeueAfterMs };
}

function isInPass({ pass }: DockerRunSetStatus): boolean {
  return (
    pass !== undefined && pass.number > 0 && pass.startTime !== undefined && pass.finishTime === undefined
  );
}

function idle({ set, status, now }: AcceptedInput, inMs: number | undefined): SetVerdict {
  const { done = 0, failed = 0 } = status.items ?? {};
  const counts = `${done} inputs have their result${failed === 0 ? '' : `, ${failed} failed`}.`;
  if (isComplete(set.spec, status)) {
    const message =
      set.spec.dryRun === true
        ? `The dry run has ended: ${status.pass?.todo ?? 0} inputs would run. The report says why.`
        : `Nothing is left to do: ${counts}`;
    return { phase: 'Complete', reason: 'Complete', message };
  }
  // In whole minutes, so that the message does not change at each look.
  const at = inMs === undefined ? undefined : new Date(Math.ceil((now.getTime() + inMs) / 60_000) * 60_000);
  const next = at === undefined ? '' : ` The next pass starts at about ${at.toISOString().slice(0, 16)}Z.`;
  return { phase: 'Idle', reason: 'Idle', message: `${counts}${next}` };
}

/** A planner that is left over has to go first: it is of the pass before. */
function begin(input: AcceptedInput): SetOutcome {
  const { set, status, now, planner } = input;
  const verdict = listing('The pass begins.');
  if (planner.job !== undefined) return { verdict, actions: withoutPlanner(input), requeueAfterMs: safetyMs };
  const {
    ended: _,
    consecutive: __,
    failures: ___,
    why: ____,
    rate: _____,
    pass: before,
    ...others
  } = status;
  const number = (before?.number ?? 0) + 1;
  const pass = defined({
    number,
    generation: set.metadata.generation,
    retryFailed: before?.retryFailed,
    startTime: now.toISOString(),
  });
  // The pass is stored before its planner exists: its number is in the name of the Job.
  return { verdict, status: { ...others, pass }, requeueAfterMs: 0 };
}

const listing = (message: string): SetVerdict => ({ phase: 'Listing', reason: 'Listing', message });

/** The waits before the next planner after one that failed. */
const problemMs = { first: 60_000, most: 3_600_000 } as const;

/** A pass without its planner: it has not been made yet, has failed, or was deleted. */
export function withoutJob(input: AcceptedInput): SetOutcome | undefined {
  const { set, status, now, worker, policy, planner, plannerRefusal } = input;
  if (planner.job !== undefined) return undefined;
  const { number = 1, problems = 0, problemTime } = status.pass ?? {};
  const wait = problems === 0 ? 0 : Math.min(problemMs.most, problemMs.first * 2 ** (problems - 1));
  const inMs = (Date.parse(problemTime ?? '') || 0) + wait - now.getTime();
  if (problems > 0 && inMs > 0) {
    const message = `The planner of the pass failed ${problems} times in a row; another one follows. ${lastMessage(input)}`;
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
  const byReport = report?.state === 'Failed' && !needsPerson(report.reason ?? 'Unknown');
  if (job === undefined || (!byReport && (job.finished === undefined || report?.state === 'Done')))
    return undefined;
  const { number = 1, problems = 0 } = status.pass ?? {};
  const why = byReport
    ? `${report.reason ?? 'Unknown'}: ${report.message ?? ''}`
    : `its Job ${job.name} ended (${job.finished?.reason ?? ''}): ${job.finished?.message ?? ''}`;
  const message = `The planner of the pass failed ${problems + 1} times in a row; another one follows. ${why}`;
  const pass = { ...(status.pass ?? { number }), problems: problems + 1, problemTime: now.toISOString() };
  return {
    verdict: { phase: 'Listing', reason: 'PassFailed', message },
    status: { ...status, pass },
    actions: withoutPlanner(input),
    requeueAfterMs: 1_000,
  };
}

/** The planner has not answered yet. */
export function silentPlanner({ planner, status, chunks }: AcceptedInput): SetOutcome | undefined {
  const { report, pod } = planner;
  if (report !== undefined && pod !== undefined) return undefined;
  const doing = pod === undefined ? 'has no pod yet' : stateOf(pod);
  const message = `The planner of pass ${status.pass?.number ?? 1} ${doing}.`;
  const live = chunks.some(({ isLive }) => isLive);
  const verdict = live ? ({ phase: 'Processing', reason: 'Processing', message } as const) : listing(message);
  const question = pod && {
    ...{ podUid: pod.uid, after: 0, isDone: false, isUrgent: true },
  };
  return { verdict, question, requeueAfterMs: 30_000 };
}

function stateOf({ worker, unschedulable, message }: NonNullable<AcceptedInput['planner']['pod']>): string {
  if (worker.kind === 'running') return 'runs, but has not answered yet';
  const why = worker.kind === 'waiting' ? [worker.reason, worker.message] : [worker.reason, message];
  const text = [unschedulable, ...why].filter((one) => one !== undefined && one !== '').join(', ');
  return `does not run yet${text === '' ? '' : ` (${text.slice(0, 300).toWellFormed()})`}`;
}

/** The planner is done and all chunks have ended: what it lists is the truth. */
export function passOver(input: AcceptedInput): SetOutcome | undefined {
  const { set, planner, chunks, now } = input;
  const { report } = planner;
  const isOver =
    report?.state === 'Done' && chunks.every(({ isLive }) => !isLive) && uncounted(input).length === 0;
  if (!isOver) return undefined;
  const status = withReport(input, input.status, report);
  const { retryFailed } = set.spec;
  const pass = {
    ...(status.pass ?? { number: report.pass }),
    finishTime: now.toISOString(),
    ...defined({ retryFailed }),
  };
  const next = {
    ...status,
    pass,
    items: itemsAtEnd(input, report),
    ...defined({ report: report.report, retryInGirder: report.retry }),
    ...(report.failures.length === 0 ? {} : { failures: bounded(report.failures) }),
  };
  const { problems: _, problemTime: __, cursor: ___, ...lasting } = next.pass;
  const ended = { ...next, pass: lasting };
  const after = { ...input, status: ended };
  const { generation, creationTimestamp: created } = set.metadata;
  const due = dueOf({ spec: set.spec, status: ended, generation, created }, now);
  return { verdict: idle(after, due.isDue ? 0 : due.inMs), status: ended, requeueAfterMs: 0 };
}

type Items = NonNullable<DockerRunSetStatus['items']>;

/** Inputs that ended since this planner began: it has listed the others already. */
function endedSince({ ended, pass }: DockerRunSetStatus): { succeeded: number; failed: number } {
  return {
    succeeded: Math.max(0, (ended?.succeeded ?? 0) - (pass?.earlierSucceeded ?? 0)),
    failed: Math.max(0, (ended?.failed ?? 0) - (pass?.earlierFailed ?? 0)),
  };
}

function itemsAtEnd({ status }: AcceptedInput, { counts }: PlannerReport): Items {
  const { succeeded, failed } = endedSince(status);
  const [ok, bad] = [Math.min(succeeded, counts.todo), Math.min(failed, counts.todo)];
  const left = Math.max(0, counts.todo - ok - bad);
  return {
    seen: counts.listed,
    done: counts.done + ok,
    waiting: counts.waiting + counts.unsettled + left,
    running: 0,
    failed: counts.failed + Math.min(bad, counts.todo - ok),
    excluded: counts.excluded,
    gone: counts.gone,
  };
}

/** Inputs run, or wait for their turn: the last rule. */
export function working(input: AcceptedInput): SetOutcome {
  const { planner, chunks, set } = input;
  const { report, pod } = planner;
  if (report === undefined || pod === undefined) return { verdict: 'unchanged' };
  const starts = startsOf(input);
  const started = { ...input, status: starts.status };
  const status = withAfter(withReport(started, starts.status, report), starts.after);
  const isWaiting = report.items.some(({ seq }) => seq > starts.after);
  const live = chunks.filter(({ isLive }) => isLive).length + starts.created;
  const isDrained = report.state !== 'Listing' && live === 0 && !isWaiting && uncounted(input).length === 0;
  const question = {
    podUid: pod.uid,
    after: Math.max(starts.after, startedUpTo(input, pod.uid)),
    isDone: isDrained,
    // Whatever is full asks again when one of its chunks ends; then the next window is here already.
    isUrgent: isDrained || !isWaiting,
  };
  const requeueAfterMs = starts.heldMs > 0 ? starts.heldMs : safetyMs;
  const next = input.chunkRefusal === undefined ? requeueAfterMs : Math.min(requeueAfterMs, 30_000);
  const verdict = doing({ ...started, status }, { live, report });
  const withTarget = {
    ...status,
    live: {
      ...{ chunks: live, target: status.live?.target ?? set.spec.parallelism },
      ...defined({ planner: planner.job?.name }),
    },
  };
  return { verdict, status: withTarget, actions: starts.actions, question, requeueAfterMs: next };
}

function doing(input: AcceptedInput, { live, report }: { live: number; report: PlannerReport }): SetVerdict {
  const { status, chunkRefusal, planner, chunks } = input;
  const { done = 0, waiting = 0, running = 0, failed = 0 } = status.items ?? {};
  const counts = `${done} inputs have their result, ${running} run, ${waiting} wait${failed === 0 ? '' : `, ${failed} failed`}.`;
  if (chunkRefusal !== undefined) {
    const message = `${counts} The next DockerRun cannot be created now: ${chunkRefusal.message}`;
    return { phase: 'Processing', reason: 'Processing', message };
  }
  if (live === 0 && report.counts.todo === 0)
    return listing(`${report.counts.listed} inputs have been compared with their results.`);
  if (isCanary(input) && live > 0) {
    const message = `${counts} The others start when ${input.set.spec.canary} inputs have succeeded.`;
    return { phase: 'Canary', reason: 'Canary', message };
  }
  const isOfEarlier = hasOtherWindow(chunks, planner.pod?.uid ?? '');
  const message = isOfEarlier ? `${counts} The DockerRuns of an earlier planner end first.` : counts;
  return { phase: 'Processing', reason: 'Processing', message };
}

function withAfter(status: DockerRunSetStatus, after: number): DockerRunSetStatus {
  return { ...status, pass: { ...(status.pass ?? { number: 1 }), after } };
}

/** The status with what the planner has listed so far. */
function withReport(
  { chunks, planner, now }: AcceptedInput,
  before: DockerRunSetStatus,
  report: PlannerReport,
): DockerRunSetStatus {
  const status = ofPlanner(before, report.podUID);
  const { counts, why, cursor } = report;
  const { succeeded, failed } = endedSince(status);
  const live = chunks.filter(({ isLive }) => isLive);
  const open = live.reduce((sum, chunk) => sum + openOf(chunk), 0);
  const running = Math.min(open, Math.max(0, counts.todo - succeeded - failed));
  const items: Items = {
    seen: counts.listed,
    done: counts.done + succeeded,
    waiting: Math.max(0, counts.todo - succeeded - failed - running) + counts.waiting + counts.unsettled,
    running,
    failed: counts.failed + failed,
    excluded: counts.excluded,
    gone: counts.gone,
  };
  const { problems: _, problemTime: __, ...pass } = status.pass ?? { number: report.pass };
  return {
    ...status,
    items,
    why,
    pass: {
      ...pass,
      ...defined({ cursor: cursor?.slice(0, 256).toWellFormed() }),
      listed: counts.listed,
      todo: counts.todo,
      plannerUID: report.podUID,
    },
    ...rateOf(status, items, now),
    live: {
      chunks: live.length,
      target: status.live?.target ?? 1,
      ...defined({ planner: planner.job?.name }),
    },
  };
}

/** Inputs of a live chunk that have not ended. */
function openOf({ count, items }: AcceptedInput['chunks'][number]): number {
  const ended = [...(items?.states ?? '')].filter((state) => 'skf'.includes(state)).length;
  return Math.max(0, count - ended);
}

/** Another pod of the planner has listed what had ended before it. */
function ofPlanner(status: DockerRunSetStatus, podUid: string): DockerRunSetStatus {
  const { pass, ended } = status;
  if (pass === undefined || pass.plannerUID === podUid || pass.plannerUID === undefined) return status;
  const { succeeded = 0, failed = 0 } = ended ?? {};
  const { after: _, ...others } = pass;
  return {
    ...status,
    pass: { ...others, plannerUID: podUid, earlierSucceeded: succeeded, earlierFailed: failed },
  };
}

const hourMs = 3_600_000;

function rateOf(
  { ended, pass }: DockerRunSetStatus,
  { waiting, running }: Items,
  now: Date,
): Pick<DockerRunSetStatus, 'rate'> {
  const total = (ended?.succeeded ?? 0) + (ended?.failed ?? 0);
  const elapsed = now.getTime() - Date.parse(pass?.startTime ?? '');
  if (total === 0 || !(elapsed > 0)) return {};
  const itemsPerHour = Math.round((total * hourMs) / elapsed);
  const left = waiting + running;
  const minutes = Math.ceil((now.getTime() + (left * elapsed) / total) / 60_000);
  const eta =
    left === 0 || minutes > 1e8 ? undefined : `${new Date(minutes * 60_000).toISOString().slice(0, 19)}Z`;
  return { rate: { itemsPerHour, ...defined({ eta }) } };
}
