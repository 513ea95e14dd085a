import type { Clock } from './clock.ts';

/** The longest that a timer can count; above it, setTimeout fires at once. */
const longestMs = 2 ** 31 - 1;

type Timer = { readonly due: number; readonly cancel: () => void };

/** One timer for each key, the earliest that was asked for: a later wish never delays an earlier one. */
export class KeyTimers {
  readonly #timers = new Map<string, Timer>();
  readonly #ring: (key: string) => void;
  readonly #clock: Clock;

  constructor(ring: (key: string) => void, clock: Clock) {
    this.#ring = ring;
    this.#clock = clock;
  }

  /** Rings for a key after so many milliseconds, or sooner if that was asked for before; very far times are cut. */
  set(key: string, milliseconds: number): void {
    const due = this.#clock.now() + milliseconds;
    const before = this.#timers.get(key);
    if (before !== undefined && before.due <= due) return;
    before?.cancel();
    const cancel = this.#clock.after(Math.min(milliseconds, longestMs), () => this.#fire(key));
    this.#timers.set(key, { due, cancel });
  }

  clear(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  clearAll(): void {
    for (const key of [...this.#timers.keys()]) this.clear(key);
  }

  #fire(key: string): void {
    this.#timers.delete(key);
    this.#ring(key);
  }
}
