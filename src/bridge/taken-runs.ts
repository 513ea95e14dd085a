/**
 * Runs that this replica has created and that its cache does not have yet: without them, a burst of messages would pass
 * the limit before the watch has shown the first of them.
 */
export class TakenRuns {
  readonly #names = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add(name: string): void {
    this.#names.set(name, this.#now());
  }

  /** Call when the cache has the run. */
  seen(name: string): void {
    this.#names.delete(name);
  }

  get count(): number {
    // A watch that is interrupted shows a run late; one that was deleted at once is never shown.
    for (const [name, at] of this.#names) {
      if (this.#now() - at < forgetMs) break;
      this.#names.delete(name);
    }
    return this.#names.size;
  }
}

/** In milliseconds; the first list after an interruption takes less. */
const forgetMs = 60_000;
