import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { ObservedChunk, ObservedSetState } from './observed-set.ts';

/** What the chunks that have ended say of their inputs, and which of them the status does not count yet. */

/** Uids in the status at most; more ended chunks wait until some of these are deleted. */
export const maxCounted = 100;

/** What is known of the inputs of an ended chunk. */
export type Tally = {
  readonly succeeded: number;
  /** With the reason of each, in order. */
  readonly failed: readonly string[];
  /** The indexes of those that have not ended. */
  readonly unfinished: readonly number[];
  /** The reason of the failed input that was the last to end; undefined when the last one succeeded. */
  readonly last: { readonly reason: string; readonly inARow: number; readonly isWhole: boolean } | undefined;
};

/** The inputs of a chunk by what became of them. */
export function tallyOf(chunk: ObservedChunk): Tally {
  // Of a chunk that has succeeded, each input has, even if its last report came without them.
  const unsaid = chunk.phase === 'Succeeded' ? 's' : 'w';
  const states = [...(chunk.items?.states ?? '').padEnd(chunk.count, unsaid)].slice(0, chunk.count);
  const reasons = reasonsOf(chunk);
  const indexes = (letters: string) =>
    states.flatMap((state, index) => (letters.includes(state) ? [index] : []));
  const reasonAt = (index: number) => reasons.get(index) ?? 'Unknown';
  return {
    succeeded: indexes('sk').length,
    failed: indexes('f').map(reasonAt),
    unfinished: indexes('wr'),
    last: lastFailures(states, reasonAt),
  };
}

/** The failures at the end of a row. What was skipped, or has not run, says nothing about the inputs before it. */
function lastFailures(states: readonly string[], reasonAt: (index: number) => string): Tally['last'] {
  const ends = states.flatMap((state, index) => (state === 's' || state === 'f' ? [index] : []));
  const last = ends.at(-1);
  if (last === undefined || states[last] === 's') return undefined;
  const reason = reasonAt(last);
  const other = ends.findLastIndex((index) => states[index] === 's' || reasonAt(index) !== reason);
  return { reason, inARow: ends.length - 1 - other, isWhole: false };
}

function reasonsOf({ items }: ObservedChunk): ReadonlyMap<number, string> {
  const groups = items?.failures ?? [];
  return new Map(groups.flatMap(({ reason, items: indexes }) => indexes.map((index) => [index, reason])));
}

/** True for a chunk that failed as a whole, and not because of one of its inputs. */
export function failedWhole({ isLive, phase, reason }: ObservedChunk): boolean {
  return !isLive && phase === 'Failed' && reason !== 'ItemsFailed';
}

type Chunks = Pick<ObservedSetState, 'set' | 'chunks'>;

export const nothing: ReadonlySet<string> = new Set();

/** The chunks to count now, in the order in which they ended; those that are `held` wait. */
export function uncounted({ set, chunks }: Chunks, held = nothing): ObservedChunk[] {
  const known = new Set(set.status.counted ?? []);
  const ended = chunks.filter(({ uid, isLive }) => !isLive && !known.has(uid) && !held.has(uid));
  const room = maxCounted - keptCounted(set.status, chunks).length;
  return ended
    .toSorted((a, b) => (a.endedAt ?? '').localeCompare(b.endedAt ?? '') || a.name.localeCompare(b.name))
    .slice(0, Math.max(0, room));
}

/** The counted chunks that still exist. */
export function keptCounted(
  { counted = [] }: DockerRunSetStatus,
  chunks: readonly ObservedChunk[],
): string[] {
  const present = new Set(chunks.map(({ uid }) => uid));
  return counted.filter((uid) => present.has(uid));
}
