import type { DockerRunStatus } from '../../api/status.ts';
import { changeOf, placeOf, progressIntervalMs, type StatusWrite, whenToWrite } from './status-write.ts';

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
