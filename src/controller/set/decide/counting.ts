import { failureReasons, isFailureReason } from '../../../api/reasons.ts';
import type { DockerRunSpec } from '../../../api/spec.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { FailureGroup, PlannerReport } from '../../../api/set/window.ts';
import { failedWhole, keptCounted, nothing, type Tally, tallyOf, uncounted } from '../observe/chunk-ends.ts';
import type { ObservedChunk, ObservedSetState } from '../observe/observed-set.ts';

/** How the chunks that have ended change the status: each is counted once, and its uid stays until it is gone. */

/** True for a reason of a whole chunk that another attempt may not have: of Girder, a node or the network. */
export function mayPass(reason: string): boolean {
  if (!isFailureReason(reason)) return false;
  const { category } = failureReasons[reason];
  return category !== 'spec' && category !== 'target';
}

/** Signs that Girder has more to do than it can. */
const overloads: ReadonlySet<string> = new Set(['GirderUnavailable', 'DownloadFailed', 'UploadFailed']);

/** The status with the chunks of {@link uncounted} in it; equal to the stored one when there are none. */
export function counted(
  observed: Pick<ObservedSetState, 'set' | 'chunks' | 'specs'>,
  held = nothing,
): DockerRunSetStatus {
  const { set, chunks, specs } = observed;
  const { parallelism } = set.spec ?? { parallelism: 1 };
  const fresh = uncounted(observed, held);
  const status = fresh.reduce(
    (before, chunk) => withChunk(before, { chunk, spec: specs.get(chunk.uid), parallelism }),
    set.status,
  );
  const uids = [...keptCounted(set.status, chunks), ...fresh.map(({ uid }) => uid)];
  const { counted: _, ...others } = status;
  return uids.length === 0 ? others : { ...others, counted: uids };
}

type Ended = {
  readonly chunk: ObservedChunk;
  readonly spec: DockerRunSpec | undefined;
  readonly parallelism: number;
};

function withChunk(status: DockerRunSetStatus, ended: Ended): DockerRunSetStatus {
  const { chunk, parallelism } = ended;
  const tally = tallyOf(chunk);
  const whole = failedWhole(chunk) && !isSplit(chunk, tally);
  // Of an input whose worker was lost again, the receipt says so already.
  const isFinal = whole && (chunk.isCautious || !mayPass(chunk.reason));
  const isOfPass = chunk.pass === (status.pass?.number ?? 0);
  const { succeeded, failed } = status.ended ?? { succeeded: 0, failed: 0 };
  const more = tally.failed.length + (isFinal ? tally.unfinished.length : 0);
  const target = nextTarget(status.live?.target ?? parallelism, { chunk, tally, parallelism });
  const after = {
    ...status,
    live: { chunks: 0, ...status.live, target },
    ...secondsPerItem(status, chunk, tally),
  };
  if (!isOfPass) return after;
  return {
    ...after,
    ended: { succeeded: succeeded + tally.succeeded, failed: failed + more },
    ...itemsAfter(status, { succeeded: tally.succeeded, failed: more }),
    ...consecutiveAfter(status, tally, whole ? chunk : undefined),
    ...failuresAfter(status, ended, tally),
  };
}

/** Until the planner is asked again, and while a set is paused and has no planner. */
function itemsAfter(
  { items }: DockerRunSetStatus,
  { succeeded, failed }: { succeeded: number; failed: number },
): Pick<DockerRunSetStatus, 'items'> {
  if (items === undefined) return {};
  const running = Math.max(0, items.running - succeeded - failed);
  const waiting = Math.max(0, items.waiting - (succeeded + failed - (items.running - running)));
  return {
    items: { ...items, running, waiting, done: items.done + succeeded, failed: items.failed + failed },
  };
}

/** True for a chunk whose worker was lost: its unfinished inputs run again, in smaller chunks. */
export function isSplit(chunk: ObservedChunk, { unfinished }: Tally): boolean {
  return (
    chunk.phase === 'Failed' && chunk.reason === 'WorkerLost' && unfinished.length > 0 && !chunk.isCautious
  );
}

/** Milliseconds between two halvings for the requests of a planner: many of them fail at the same moment. */
const troubleMs = 10_000;

/** The status with half as many pods, if Girder has failed or delayed more requests of the planner than were counted. */
export function withTroubles(
  status: DockerRunSetStatus,
  { report, parallelism }: { report: Pick<PlannerReport, 'podUID' | 'troubles'>; parallelism: number },
  now: Date,
): DockerRunSetStatus {
  const { pass, live } = status;
  // Those of another planner count once its first report is in the status.
  if (pass?.plannerUID !== report.podUID || report.troubles <= (pass.troubles ?? 0)) return status;
  if (now.getTime() - Date.parse(pass.troubleTime ?? '') < troubleMs) return status;
  const target = Math.max(1, Math.floor((live?.target ?? parallelism) / 2));
  return {
    ...status,
    live: { chunks: 0, ...live, target },
    pass: { ...pass, troubles: report.troubles, troubleTime: now.toISOString() },
  };
}

/** Additive increase, multiplicative decrease, as TCP does: half as many pods at each sign of overload. */
function nextTarget(
  target: number,
  { chunk, tally, parallelism }: { chunk: ObservedChunk; tally: Tally; parallelism: number },
): number {
  const isOverload = overloads.has(chunk.reason) || tally.failed.some((reason) => overloads.has(reason));
  const next = isOverload ? Math.floor(target / 2) : tally.succeeded > 0 ? target + 1 : target;
  return Math.min(parallelism, Math.max(1, next));
}

/** The weight of a chunk in the moving average. */
const newShare = 0.3;

function secondsPerItem(
  { secondsPerItem: before }: DockerRunSetStatus,
  { startedAt, endedAt, items }: ObservedChunk,
  { succeeded }: Tally,
): Pick<DockerRunSetStatus, 'secondsPerItem'> {
  const started = [...(items?.states ?? '')].filter((state) => state === 's' || state === 'f').length;
  const seconds = (Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')) / 1000;
  if (succeeded === 0 || started === 0 || !(seconds >= 0)) return {};
  const own = seconds / started;
  const average = before === undefined ? own : before * (1 - newShare) + own * newShare;
  return { secondsPerItem: Math.round(average * 1000) / 1000 };
}

function consecutiveAfter(
  { consecutive }: DockerRunSetStatus,
  { last, succeeded, failed }: Tally,
  whole: ObservedChunk | undefined,
): Pick<DockerRunSetStatus, 'consecutive'> | { consecutive?: never } {
  const own = whole === undefined ? last : { reason: whole.reason, inARow: 1, isWhole: true };
  if (own === undefined) return succeeded > 0 ? { consecutive: { reason: '', count: 0 } } : {};
  const isOnly = succeeded === 0 && (own.isWhole || own.inARow === failed.length);
  const before = isOnly && consecutive?.reason === own.reason ? consecutive.count : 0;
  return { consecutive: { reason: own.reason, count: before + own.inARow } };
}

/** Groups of failures in the status at most, and the longest texts in them. */
export const maxGroups = 6;
const longest = { message: 256, name: 80, examples: 3 } as const;

function failuresAfter(
  { failures = [] }: DockerRunSetStatus,
  { chunk, spec }: Ended,
  { unfinished }: Tally,
): Pick<DockerRunSetStatus, 'failures'> {
  const entries = spec?.forEach?.items ?? [];
  const exampleOf = (index: number) => {
    const { id, name } = entries[index] ?? {};
    return id === undefined || name === undefined ? [] : [{ itemId: id, name }];
  };
  const ofItems = (chunk.items?.failures ?? []).map(({ reason, message, items }): FailureGroup => ({
    ...{ reason, count: items.length, examples: items.flatMap(exampleOf) },
    ...(message === undefined ? {} : { message }),
  }));
  const ofChunk: FailureGroup[] =
    failedWhole(chunk) && unfinished.length > 0
      ? [
          {
            ...{ reason: chunk.reason, count: unfinished.length, message: chunk.message },
            examples: unfinished.flatMap(exampleOf),
          },
        ]
      : [];
  const all = [...ofItems, ...ofChunk].reduce(withGroup, failures);
  return all.length === 0 ? {} : { failures: bounded(all) };
}

function withGroup(groups: FailureGroup[], added: FailureGroup): FailureGroup[] {
  const index = groups.findIndex(({ reason }) => reason === added.reason);
  const known = groups[index];
  if (known === undefined) return [...groups, added];
  const examples = [...known.examples, ...added.examples].slice(0, longest.examples);
  return groups.with(index, { ...known, count: known.count + added.count, examples });
}

/** The groups with the most failures, cut so that the status stays small. */
export function bounded(groups: readonly FailureGroup[]): FailureGroup[] {
  return groups
    .toSorted((a, b) => b.count - a.count)
    .slice(0, maxGroups)
    .map(({ reason, count, message, examples }) => ({
      ...{ reason: reason.slice(0, 64), count },
      ...(message === undefined ? {} : { message: message.slice(0, longest.message).toWellFormed() }),
      examples: examples.slice(0, longest.examples).map((one) => ({
        ...one,
        name: one.name.slice(0, longest.name).toWellFormed(),
      })),
    }));
}
