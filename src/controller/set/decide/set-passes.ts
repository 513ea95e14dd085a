import { defined } from '../../../api/json-values.ts';
import { wakeAnnotation } from '../../../api/names.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { PlannerReport } from '../../../api/set/window.ts';
import { uncounted } from '../observe/chunk-ends.ts';
import { bounded, withTroubles } from './counting.ts';
import { dueOf, isComplete } from './pass-schedule.ts';
import { hasOtherWindow, isCanary, startedUpTo, type Starts, startsOf } from './set-chunks.ts';
import {
  type AcceptedInput,
  listing,
  safetyMs,
  type SetOutcome,
  type SetVerdict,
  withoutPlanner,
} from './set-outcome.ts';
import { itemsAtEnd, withReport } from './set-progress.ts';

/** The passes of a set: between two of them, with a planner, and at their end. */

/** Between passes: complete for now or for good, or the next pass begins. */
export function betweenPasses(input: AcceptedInput): SetOutcome | undefined {
  const { set, status, now } = input;
  if (isInPass(status)) return undefined;
  const due = dueOf({ spec: set.spec, status, metadata: set.metadata }, now);
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
    wake: set.metadata.annotations?.[wakeAnnotation],
    startTime: now.toISOString(),
  });
  // The pass is stored before its planner exists: its number is in the name of the Job.
  return { verdict, status: { ...others, pass }, requeueAfterMs: 0 };
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
    ...defined({ retryFailed, isLast: report.closing && true }),
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
  const due = dueOf({ spec: set.spec, status: ended, metadata: set.metadata }, now);
  return { verdict: idle(after, due.isDue ? 0 : due.inMs), status: ended, requeueAfterMs: 0 };
}

/** How soon a set looks again that waits for a quota, or for others: their end may be missed. */
const retryMs = 30_000;

/** Inputs run, or wait for their turn: the last rule. */
export function working(before: AcceptedInput): SetOutcome {
  const { planner, chunks, set } = before;
  const { report, pod } = planner;
  if (report === undefined || pod === undefined) return { verdict: 'unchanged' };
  const { parallelism } = set.spec;
  const input = { ...before, status: withTroubles(before.status, { report, parallelism }, before.now) };
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
  const { waitsForGirder } = starts;
  const verdict = doing({ ...started, status }, { live, report });
  const withTarget = {
    ...status,
    live: {
      ...{ chunks: live, target: status.live?.target ?? set.spec.parallelism },
      ...defined({ planner: planner.job?.name }),
    },
  };
  return {
    verdict,
    status: withTarget,
    actions: starts.actions,
    question,
    waitsForGirder,
    requeueAfterMs: nextLookMs(input, starts),
  };
}

function nextLookMs({ chunkRefusal }: AcceptedInput, { heldMs, waitsForGirder }: Starts): number {
  const own = heldMs > 0 ? heldMs : safetyMs;
  return chunkRefusal !== undefined || waitsForGirder ? Math.min(own, retryMs) : own;
}

/** What the set does, and what its planner waits for meanwhile. */
function doing(input: AcceptedInput, now: { live: number; report: PlannerReport }): SetVerdict {
  const verdict = stageOf(input, now);
  const { waits } = now.report;
  return waits === undefined ? verdict : { ...verdict, message: `${verdict.message} ${waits}` };
}

function stageOf(
  input: AcceptedInput,
  { live, report }: { live: number; report: PlannerReport },
): SetVerdict {
  const { chunkRefusal, set } = input;
  const counts = sentenceOf(input.status);
  if (chunkRefusal !== undefined)
    return processing(`${counts} The next DockerRun cannot be created now: ${chunkRefusal.message}`);
  if (live === 0 && report.counts.todo === 0)
    return listing(`${report.counts.listed} inputs have been compared with their results.`);
  if (isCanary(input) && live > 0) {
    const message = `${counts} The others start when ${set.spec.canary} inputs have succeeded.`;
    return { phase: 'Canary', reason: 'Canary', message };
  }
  const isOfEarlier = hasOtherWindow(input.chunks, input.planner.pod?.uid ?? '');
  return processing(isOfEarlier ? `${counts} The DockerRuns of an earlier planner end first.` : counts);
}

const processing = (message: string): SetVerdict => ({ phase: 'Processing', reason: 'Processing', message });

function sentenceOf({ items }: DockerRunSetStatus): string {
  const { done = 0, waiting = 0, running = 0, failed = 0 } = items ?? {};
  const ofFailed = failed === 0 ? '' : `, ${failed} failed`;
  return `${done} inputs have their result, ${running} run, ${waiting} wait${ofFailed}.`;
}

function withAfter(status: DockerRunSetStatus, after: number): DockerRunSetStatus {
  return { ...status, pass: { ...(status.pass ?? { number: 1 }), after } };
}
