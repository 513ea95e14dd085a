import { longestTimerMs } from '../support/abort.ts';
import { backoffMs, type BackoffOptions } from '../support/backoff.ts';
import { type Clock, realClock } from './clock.ts';

/** What a handler wants to happen with its key next; the queue holds the whole policy. */
export type Next =
  | { kind: 'done' }
  | { kind: 'requeueAfter'; milliseconds: number }
  /** `atLeastMs` is what the other side asked to wait (Retry-After). */
  | { kind: 'retry'; error: unknown; atLeastMs?: number | undefined };

/** Hears what happens in a queue, for metrics; must not throw. Times are in milliseconds. */
export type QueueObserver = {
  /** A key began to wait that did not. */
  added(): void;
  started(waitedMs: number): void;
  finished(workedMs: number, next: Next['kind']): void;
  retried(): void;
};

/** How keys are handled, how many at once, and how soon again. */
export type KeyedQueueOptions = {
  /** Handles one key; must not throw (a throw counts as a retry). */
  handle: (key: string) => Promise<Next>;
  /** How many keys are handled at once. */
  concurrency: number;
  backoff: BackoffOptions;
  /** The least time between two beginnings of one key: what is added meanwhile is handled together. 0 when left out. */
  spacingMs?: number;
  observer?: QueueObserver | undefined;
  clock?: Clock | undefined;
};

/** What a queue shows of itself. */
export type QueueState = Pick<
  KeyedQueue,
  'depth' | 'activeAgesMs' | 'oldestWaitingAt' | 'oldestActiveAt' | 'lastFinishedAt'
>;

/**
 * A queue of keys. What must hold:
 * - a key is handled by one worker at a time; what is added meanwhile is handled once more afterwards;
 * - a key waits once, however often it is added, and keys are handled in the order in which they began to wait;
 * - a key has at most one timer, the earliest; adding the key at once beats it;
 * - the first of a burst is handled at once, the rest of it together.
 * Times that it gives are milliseconds of its clock, which is `performance.now()` unless a test has another one.
 */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  /** Since when each key waits; insertion order is the order of work. */
  readonly #waiting = new Map<string, number>();
  readonly #active = new Map<string, number>();
  /** Keys that were added while they were active. */
  readonly #again = new Set<string>();
  /** When the keys began that did so a moment ago, oldest first. */
  readonly #begun = new Map<string, number>();
  readonly #clock: Clock;
  readonly #timers: KeyTimers;
  readonly #failures = new Map<string, number>();
  #lastFinishedAt: number;
  #stopped = false;

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#timers = new KeyTimers((key) => this.#enqueue(key), this.#clock);
    this.#lastFinishedAt = this.#clock.now();
  }

  /** How many keys wait for a worker. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** For how long each key that is being handled has been, longest first. */
  get activeAgesMs(): readonly number[] {
    const now = this.#clock.now();
    return [...this.#active.values()].map((since) => now - since);
  }

  /** When the key that waits longest began to wait, if one waits. */
  get oldestWaitingAt(): number | undefined {
    return this.#waiting.values().next().value;
  }

  /** When the key that is handled longest began to be, if one is. */
  get oldestActiveAt(): number | undefined {
    return this.#active.values().next().value;
  }

  /** When the last key was done with, however it ended; the start when none was. */
  get lastFinishedAt(): number {
    return this.#lastFinishedAt;
  }

  add(key: string): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    if (this.#active.has(key)) this.#again.add(key);
    else this.#rest(key);
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#timers.set(key, milliseconds);
  }

  /** Takes no more work and resolves when what is being handled has ended, or after so many milliseconds. */
  async stop(withinMs = 10_000): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#again.clear();
    this.#timers.clearAll();
    const end = this.#clock.now() + withinMs;
    while (this.#active.size > 0 && this.#clock.now() < end)
      await new Promise<void>((resolve) => this.#clock.after(10, resolve));
  }

  /** Lets a key wait for a worker as soon as its last beginning is long enough ago. */
  #rest(key: string): void {
    const { spacingMs = 0 } = this.#options;
    const begun = this.#begun.get(key);
    const left = begun === undefined ? 0 : begun + spacingMs - this.#clock.now();
    if (left > 0) this.#timers.set(key, left);
    else this.#enqueue(key);
  }

  #enqueue(key: string): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    if (this.#active.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#timers.clear(key);
    this.#waiting.set(key, this.#clock.now());
    this.#options.observer?.added();
    this.#fill();
  }

  #fill(): void {
    for (const [key, since] of this.#waiting) {
      if (this.#active.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      const now = this.#clock.now();
      this.#begin(key, now);
      this.#options.observer?.started(now - since);
      void this.#work(key, now);
    }
  }

  #begin(key: string, now: number): void {
    this.#active.set(key, now);
    const { spacingMs = 0 } = this.#options;
    if (spacingMs === 0) return;
    this.#begun.delete(key);
    this.#begun.set(key, now);
    for (const [old, at] of this.#begun) {
      if (at + spacingMs > now) return;
      this.#begun.delete(old);
    }
  }

  async #work(key: string, began: number): Promise<void> {
    const next = await this.#options.handle(key).catch((error: unknown): Next => ({ kind: 'retry', error }));
    this.#active.delete(key);
    this.#lastFinishedAt = this.#clock.now();
    this.#options.observer?.finished(this.#lastFinishedAt - began, next.kind);
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
        if (this.#stopped) return;
        const failures = this.#failures.get(key) ?? 0;
        this.#failures.set(key, failures + 1);
        this.#options.observer?.retried();
        const wait = backoffMs(failures, this.#options.backoff);
        this.addAfter(key, Math.max(wait, next.atLeastMs ?? 0));
        return;
      }
    }
  }
}

type Timer = { readonly due: number; readonly cancel: () => void };

/** One timer for each key, the earliest that was asked for: a later wish never delays an earlier one. */
class KeyTimers {
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
    const cancel = this.#clock.after(Math.min(milliseconds, longestTimerMs), () => this.#fire(key));
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
