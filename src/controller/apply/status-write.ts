import { isDeepStrictEqual } from 'node:util';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';

/**
 * The least time between two writes that tell nothing but progress, and how long a phase that is often over in a moment
 * has to last before it is told.
 */
export const progressIntervalMs = 5_000;

/** Whether a status should be written now, later (in so many milliseconds), or not at all. */
export type StatusWrite = { kind: 'now' } | { kind: 'later'; milliseconds: number } | { kind: 'never' };

/**
 * What a status tells beyond the one that is stored: nothing; news, which people and tools wait for; a passing phase,
 * which need not be told when the next one follows at once; or how far things are.
 */
export type Change = 'nothing' | 'milestone' | 'transient' | 'progress';

/** What `after` tells beyond `before`, which is what the API server has. */
export function changeOf(before: DockerRunStatus, after: DockerRunStatus): Change {
  if (isDeepStrictEqual(plain(before), plain(after))) return 'nothing';
  if (!isDeepStrictEqual(milestones(before), milestones(after))) {
    return isTransient(before, after) ? 'transient' : 'milestone';
  }
  return isDeepStrictEqual(plain(before.target), plain(after.target)) ? 'progress' : 'transient';
}

/** News is written at once, a passing phase when it lasts, mere progress at most every 5 s, and what is stored never. */
export function whenToWrite(
  change: Change,
  { sinceLastWriteMs, heldMs }: { sinceLastWriteMs: number; heldMs: number },
): StatusWrite {
  switch (change) {
    case 'nothing':
      return { kind: 'never' };
    case 'milestone':
      return { kind: 'now' };
    case 'transient':
      return nowOrIn(progressIntervalMs - heldMs);
    case 'progress':
      return nowOrIn(progressIntervalMs - sinceLastWriteMs);
  }
}

function nowOrIn(milliseconds: number): StatusWrite {
  return milliseconds <= 0 ? { kind: 'now' } : { kind: 'later', milliseconds };
}

/** What tells where a run is, for deciding how long it has been there. */
export function placeOf({ phase, reason, target }: DockerRunStatus): string {
  return JSON.stringify([phase, reason, target]);
}

/** As the API server stores it: no field without a value. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function milestones({ phase, reason, attempts, jobName, observedGeneration }: DockerRunStatus): unknown {
  // The first attempt is no news to somebody who sees that the run has a Job.
  return [phase, reason, Math.max(1, attempts ?? 0), jobName, observedGeneration];
}

function isTransient(before: DockerRunStatus, after: DockerRunStatus): boolean {
  const { phase, reason } = after;
  return (
    (phase === 'Preparing' || phase === 'Uploading') &&
    reason === phase &&
    !isTerminalPhase(before.phase) &&
    isDeepStrictEqual(milestones({ ...before, phase, reason }), milestones(after))
  );
}
