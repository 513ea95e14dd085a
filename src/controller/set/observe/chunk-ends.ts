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
  const states = chunk.items?.states ?? '';
  const reasons = reasonsOf(chunk);
  const failed: string[] = [];
  const unfinished: number[] = [];
  let [succeeded, inARow, reason] = [0, 0, ''];
  for (let index = 0; index < chunk.count; index += 1) {
    const state = states[index] ?? 'w';
    if (state === 's' || state === 'k') succeeded += 1;
    // What was skipped says nothing about the inputs after it.
    if (state === 's') inARow = 0;
    if (state === 'f') {
      const own = reasons.get(index) ?? 'Unknown';
      failed.push(own);
      inARow = own === reason ? inARow + 1 : 1;
      reason = own;
    } else if (state === 'w' || state === 'r') unfinished.push(index);
  }
  return {
    succeeded,
    failed,
    unfinished,
    last: inARow === 0 ? undefined : { reason, inARow, isWhole: false },
  };
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
