import { type BackoffOptions, backoffMs } from './backoff.ts';

/** What a handler wants to happen with its key next; the queue holds the whole policy. */
export type Next =
  { kind: 'done' } | { kind: 'requeueAfter'; milliseconds: number } | { kind: 'retry'; error: unknown };

export type KeyedQueueOptions = {
  /** Handles one key; must not throw (a throw counts as a retry). */
  handle: (key: string) => Promise<Next>;
  /** How many keys are handled at once. */
  concurrency: number;
  backoff: BackoffOptions;
};

/**
 * A queue of keys. What must hold:
 * - a key is handled by one worker at a time; what is added meanwhile is handled once more afterwards;
 * - a key waits once, however often it is added;
 * - a key has at most one timer, and adding it at once beats a timer.
 */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  /** Insertion order is the order of work. */
  readonly #waiting = new Set<string>();
  readonly #active = new Set<string>();
  /** Keys that were added while they were active. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  #stopped = false;

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#clearTimer(key);
    if (this.#active.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#fill();
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#clearTimer(key);
    this.#timers.set(
      key,
      // setTimeout fires at once above 2^31-1 ms, so far-away wake-ups are cut: the handler asks again.
      setTimeout(() => this.add(key), Math.min(milliseconds, 2 ** 31 - 1)),
    );
  }

  /** Takes no more work and resolves when what is being handled has ended, or after so many milliseconds. */
  async stop(withinMs = 10_000): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const key of [...this.#timers.keys()]) this.#clearTimer(key);
    const end = Date.now() + withinMs;
    while (this.#active.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#active.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#active.add(key);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    const next = await this.#options.handle(key).catch((error: unknown): Next => ({ kind: 'retry', error }));
    this.#active.delete(key);
    if (next.kind !== 'retry') this.#failures.delete(key);
    if (this.#again.delete(key)) this.add(key);
    else this.#schedule(key, next);
    this.#fill();
  }

  #schedule(key: string, next: Next): void {
    switch (next.kind) {
      case 'done':
        return;
      case 'requeueAfter':
        this.addAfter(key, next.milliseconds);
        return;
      case 'retry': {
        const failures = this.#failures.get(key) ?? 0;
        this.#failures.set(key, failures + 1);
        this.addAfter(key, backoffMs(failures, this.#options.backoff));
        return;
      }
    }
  }

  #clearTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}
