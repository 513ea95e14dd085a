import { isDeepStrictEqual } from 'node:util';
import { labels } from '../../api/names.ts';
import { journalledVolumes } from '../../api/spec-usage.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { Observed } from '../observe/observed.ts';

/** When a status is written: what people wait for at once, everything else seldom. */

/** The shortest time between two writes of progress; also how long a transient change must last. */
export const progressIntervalMs = 5_000;

/**
 * The same for a run of a set, whose inputs end every second or so: people watch the set, whose counts come from its
 * planner, and three more writes for a run of 25 tiny inputs are a tenth of all that it costs the API server.
 */
export const chunkProgressIntervalMs = 15_000;

/** How often all runs together write progress; beyond that, each run waits for its turn. */
const progressWritesPerSecond = 50;

/** Whether a status is written now, later (in `milliseconds`), or not at all. */
type StatusWrite = { kind: 'now' } | { kind: 'later'; milliseconds: number } | { kind: 'never' };

/** What is remembered of a run; times are milliseconds of `performance.now()`. */
type Times = {
  writtenAt: number;
  /** What the run was doing when it was last observed, and since when. */
  state: string | undefined;
  stateSince: number;
  /** When it is this run's turn to write progress, if it waits for one. */
  turn: number | undefined;
};

/** Decides when the status of each run is written, from what changed and when it was last written. */
export class StatusWriter {
  readonly #runs = new Map<string, Times>();
  #nextTurn = 0;

  /** Whether `after` is written now; once it is, call `wrote`. */
  when(
    key: string,
    observed: Observed,
    after: DockerRunStatus,
    now: number = performance.now(),
  ): StatusWrite {
    const times = this.#timesOf(key, now);
    const state = stateOf(after);
    if (times.state !== state) {
      times.state = state;
      times.stateSince = now;
    }
    const change = changeOf(observed.run.status, after);
    const due = whenToWrite(change, {
      sinceLastWriteMs: now - times.writtenAt,
      heldMs: now - times.stateSince,
      intervalMs: intervalOf(observed),
    });
    const when = change === 'progress' && due.kind === 'now' ? this.#inTurn(times, now) : due;
    return when.kind === 'later' && bypassesRateLimit(observed, after) ? { kind: 'now' } : when;
  }

  wrote(key: string, now: number = performance.now()): void {
    const times = this.#timesOf(key, now);
    times.writtenAt = now;
    times.turn = undefined;
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
    // The time before a restart is not known; runs that start together must not write together.
    const writtenAt = now - Math.random() * progressIntervalMs;
    const times = { writtenAt, state: undefined, stateSince: now, turn: undefined };
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

function intervalOf({ run }: Observed): number {
  return run.metadata.labels?.[labels.set] === undefined ? progressIntervalMs : chunkProgressIntervalMs;
}

/** What decides how long a run has been in the same state. */
function stateOf({ phase, reason, target }: DockerRunStatus): string {
  return JSON.stringify([phase, reason, target]);
}

/**
 * How a status differs from the stored one: not at all; by a milestone, which people and tools wait for; by
 * something transient, which is often over in a moment; or by progress alone.
 */
export type Change = 'none' | 'milestone' | 'transient' | 'progress';

/** Compares a status with `before`, which the API server has. */
export function changeOf(before: DockerRunStatus, after: DockerRunStatus): Change {
  if (isDeepStrictEqual(stored(before), stored(after))) return 'none';
  if (!isDeepStrictEqual(milestones(before), milestones(after))) {
    return isTransientPhase(before, after) ? 'transient' : 'milestone';
  }
  return isDeepStrictEqual(stored(before.target), stored(after.target)) ? 'progress' : 'transient';
}

/** As the API server stores it: without fields that have no value. */
function stored(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function milestones({ phase, reason, attempts, jobName, observedGeneration }: DockerRunStatus): unknown {
  // The first attempt is not a milestone, because a status with a Job implies it.
  return [phase, reason, Math.max(1, attempts ?? 0), jobName, observedGeneration];
}

/** True when only the phase changes, to one that the next phase often follows at once. */
function isTransientPhase(before: DockerRunStatus, after: DockerRunStatus): boolean {
  const { phase, reason } = after;
  return (
    (phase === 'Preparing' || phase === 'Uploading') &&
    reason === phase &&
    !isTerminalPhase(before.phase) &&
    isDeepStrictEqual(milestones({ ...before, phase, reason }), milestones(after))
  );
}

/** A milestone is written at once, a transient change when it lasts, and progress at most once in each interval. */
export function whenToWrite(
  change: Change,
  { sinceLastWriteMs, heldMs, intervalMs }: { sinceLastWriteMs: number; heldMs: number; intervalMs: number },
): StatusWrite {
  switch (change) {
    case 'none':
      return { kind: 'never' };
    case 'milestone':
      return { kind: 'now' };
    case 'transient':
      return nowOrIn(intervalMs - heldMs);
    case 'progress':
      return nowOrIn(intervalMs - sinceLastWriteMs);
  }
}

function nowOrIn(milliseconds: number): StatusWrite {
  return milliseconds <= 0 ? { kind: 'now' } : { kind: 'later', milliseconds };
}

/** True when the write must not be delayed: it records the node to clean up if the worker is lost. */
export function bypassesRateLimit({ run, pods }: Observed, { podName, nodeName }: DockerRunStatus): boolean {
  const { status, spec } = run;
  if (spec === undefined || pods.at(-1)?.worker.kind !== 'running') return false;
  if (status.podName === podName && status.nodeName === nodeName) return false;
  const { journalled, directories } = journalledVolumes(spec);
  return journalled.length + directories.length > 0;
}
