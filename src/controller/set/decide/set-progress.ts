import { defined } from '../../../api/json-values.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { PlannerReport } from '../../../api/set/window.ts';
import type { AcceptedInput } from './set-outcome.ts';

/** The numbers of a pass: what the planner lists, and what the chunks have done since. */

type Items = NonNullable<DockerRunSetStatus['items']>;

/** Inputs that ended since this planner began: it has listed the others already. */
function endedSince({ ended, pass }: DockerRunSetStatus): { succeeded: number; failed: number } {
  return {
    succeeded: Math.max(0, (ended?.succeeded ?? 0) - (pass?.earlierSucceeded ?? 0)),
    failed: Math.max(0, (ended?.failed ?? 0) - (pass?.earlierFailed ?? 0)),
  };
}

export function itemsAtEnd({ status }: AcceptedInput, { counts, closing }: PlannerReport): Items {
  if (closing !== undefined) {
    const { listed: seen, ...others } = closing;
    return { seen, ...others, waiting: 0, running: 0, gone: counts.gone };
  }
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

/** The status with what the planner has listed so far. */
export function withReport(
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
  const pass = withoutOldProblems(status.pass ?? { number: report.pass }, { succeeded, now });
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

/** Milliseconds after which a failure of a planner no longer lengthens the wait after the next one. */
const problemsCountMs = 600_000;

/**
 * A planner that fails soon after each start must not be replaced without a pause. One that has brought inputs to
 * their end was worth its start, however often it is killed: a large set must not wait an hour for the next one.
 */
function withoutOldProblems(
  pass: NonNullable<DockerRunSetStatus['pass']>,
  { succeeded, now }: { readonly succeeded: number; readonly now: Date },
): typeof pass {
  const { problems: _, problemTime, ...others } = pass;
  const isRecent = now.getTime() - Date.parse(problemTime ?? '') < problemsCountMs;
  return isRecent && succeeded === 0 ? pass : others;
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
  const { after: _, troubles: __, troubleTime: ___, ...others } = pass;
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
