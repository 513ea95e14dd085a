import type { ObservedChunk } from '../observe/observed-set.ts';
import type { SetAction, SetInput, SetOutcome } from './set-outcome.ts';

/** Chunks that failed stay for people to look at: the last of them. */
export const keptFailed = 10;

/** Deletes the chunks that the stored status has counted, beside what a rule has decided. */
export function cleanedUp(input: SetInput, outcome: SetOutcome): SetOutcome {
  if (input.set.metadata.deletionTimestamp !== undefined) return outcome;
  const own = outcome.actions ?? [];
  const chosen = new Set(own.flatMap((action) => (action.kind === 'deleteChunk' ? [action.uid] : [])));
  const actions = deletable(input)
    .filter(({ uid }) => !chosen.has(uid))
    .map(({ name, uid }): SetAction => ({ kind: 'deleteChunk', name, uid }));
  return actions.length === 0 ? outcome : { ...outcome, actions: [...own, ...actions] };
}

function deletable({ set, chunks }: SetInput): ObservedChunk[] {
  const counted = new Set(set.status.counted ?? []);
  const ended = chunks.filter(({ uid, isLive }) => !isLive && counted.has(uid));
  const succeeded = ended.filter(({ phase }) => phase === 'Succeeded');
  const failed = ended.filter(({ phase }) => phase !== 'Succeeded').toSorted(newestFirst);
  return [...succeeded, ...failed.slice(keptFailed)].filter(({ isDeleting }) => !isDeleting);
}

function newestFirst(a: ObservedChunk, b: ObservedChunk): number {
  return (b.endedAt ?? '').localeCompare(a.endedAt ?? '') || a.name.localeCompare(b.name);
}
