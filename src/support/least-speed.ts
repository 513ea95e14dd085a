import { StalledError } from './watchdog.ts';

/** The fewest bytes that must move within each `windowMs` milliseconds of a transfer. */
export type SpeedLimit = { readonly bytes: number; readonly windowMs: number };

/**
 * Slower than any network that can carry a run's data, and no limit for a transfer of less than ten minutes.
 */
export const defaultSpeedLimit: SpeedLimit = { bytes: 600 * 1024, windowMs: 10 * 60_000 };

/**
 * Checks that one transfer makes headway. A watchdog notices only silence: a server that sends a byte from
 * time to time, or cuts every connection after one, would hold a run for ever. One object therefore serves
 * all tries of a transfer, and their waits count.
 */
export class LeastSpeed {
  readonly #limit: SpeedLimit;
  readonly #now: () => number;
  #began: number;
  #pausedAt: number | undefined;
  #bytes = 0;

  constructor(limit: SpeedLimit = defaultSpeedLimit, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
    this.#began = now();
  }

  /**
   * Counts bytes that moved, and ends a pause.
   * @throws StalledError when too few bytes moved in the window that is over
   */
  moved(bytes: number): void {
    const now = this.#now();
    if (this.#pausedAt !== undefined) this.#began += now - this.#pausedAt;
    this.#pausedAt = undefined;
    this.#bytes += bytes;
    const elapsed = now - this.#began;
    if (elapsed < this.#limit.windowMs) return;
    const allowed = (this.#limit.bytes / this.#limit.windowMs) * elapsed;
    if (this.#bytes < allowed) throw new StalledError(this.#text(elapsed));
    this.#began = now;
    this.#bytes = 0;
  }

  /** Stops the clock until bytes move again: our own side is the slow one. */
  pause(): void {
    this.#pausedAt ??= this.#now();
  }

  #text(elapsed: number): string {
    const { bytes, windowMs } = this.#limit;
    const least = Math.round(bytes / (windowMs / 1000));
    return `only ${this.#bytes} bytes moved in ${Math.round(elapsed / 1000)} s, and ${least} bytes per second are the least`;
  }
}
