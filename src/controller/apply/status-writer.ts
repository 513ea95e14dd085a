import { isDeepStrictEqual } from 'node:util';
import { journalledVolumes } from '../../api/spec-usage.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { Observed } from '../observe/observed.ts';

/** All runs together write mere progress at most this often; what is more waits for its turn. */
const progressWritesPerSecond = 50;

/** What is remembered of a run's writes; times are milliseconds of `performance.now()`. */
type Times = {
  wroteAt: number;
  /** Where the run was seen to be last, and since when. */
  place: string | undefined;
  since: number;
  /** When it is this run's turn to write progress, if it has one. */
  turn: number | undefined;
};

/** Says when statuses are written, run by run, from when they were written before. */
export class StatusWriter {
  readonly #runs = new Map<string, Times>();
  #nextTurn = 0;

  /** Whether the status of a run should be written now. */
  when(
    key: string,
    before: DockerRunStatus,
    after: DockerRunStatus,
    now: number = performance.now(),
  ): StatusWrite {
    const times = this.#timesOf(key, now);
    const place = placeOf(after);
    if (times.place !== place) Object.assign(times, { place, since: now });
    const change = changeOf(before, after);
    const when = whenToWrite(change, { sinceLastWriteMs: now - times.wroteAt, heldMs: now - times.since });
    return change === 'progress' && when.kind === 'now' ? this.#inTurn(times, now) : when;
  }

  /** Notes that the status of a run was written. */
  wrote(key: string, now: number = performance.now()): void {
    Object.assign(this.#timesOf(key, now), { wroteAt: now, turn: undefined });
  }

  /** Forgets a run that has ended or is gone. */
  forget(key: string): void {
    this.#runs.delete(key);
  }

  get size(): number {
    return this.#runs.size;
  }

  #timesOf(key: string, now: number): Times {
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    // Nobody knows when it was written before a restart; runs that begin together must not write together.
    const wroteAt = now - Math.random() * progressIntervalMs;
    const times = { wroteAt, place: undefined, since: now, turn: undefined };
    this.#runs.set(key, times);
    return times;
  }

  #inTurn(times: Times, now: number): StatusWrite {
    if (times.turn === undefined) {
      times.turn = Math.max(now, this.#nextTurn);
      this.#nextTurn = times.turn + 1000 / progressWritesPerSecond;
    }
    return times.turn <= now ? { kind: 'now' } : { kind: 'later', milliseconds: times.turn - now };
  }
}

/**
 * The least time between two writes that tell nothing but progress, and how long a phase that is often over in a moment
 * has to last before it is told.
 */
export const progressIntervalMs = 5_000;

/** Whether a status should be written now, later (in so many milliseconds), or not at all. */
type StatusWrite = { kind: 'now' } | { kind: 'later'; milliseconds: number } | { kind: 'never' };

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
function placeOf({ phase, reason, target }: DockerRunStatus): string {
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

/** True when the write must not be delayed: it records the node of a worker that may leave something there. */
export function bypassesRateLimit({ run, pods }: Observed, { podName, nodeName }: DockerRunStatus): boolean {
  const { status, spec } = run;
  if (spec === undefined || pods.at(-1)?.worker.kind !== 'running') return false;
  if (status.podName === podName && status.nodeName === nodeName) return false;
  const { journalled, directories } = journalledVolumes(spec);
  return journalled.length + directories.length > 0;
}
