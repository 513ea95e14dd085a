import { longestTimerMs } from '../support/abort.ts';

type Timer = { readonly due: number; readonly timeout: NodeJS.Timeout };

/** One timer for each key, the earliest that was asked for: a later wish never delays an earlier one. */
export class KeyTimers {
  readonly #timers = new Map<string, Timer>();
  readonly #ring: (key: string) => void;

  constructor(ring: (key: string) => void) {
    this.#ring = ring;
  }

  /** Rings for a key after so many milliseconds, or sooner if that was asked for before; very far times are cut. */
  set(key: string, milliseconds: number): void {
    const due = performance.now() + milliseconds;
    const before = this.#timers.get(key);
    if (before !== undefined && before.due <= due) return;
    clearTimeout(before?.timeout);
    const timeout = setTimeout(() => this.#fire(key), Math.min(milliseconds, longestTimerMs));
    this.#timers.set(key, { due, timeout });
  }

  clear(key: string): void {
    clearTimeout(this.#timers.get(key)?.timeout);
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
