import { setImmediate as nextTurn } from 'node:timers/promises';
import { longestTimerMs } from '../support/abort.ts';
import { backoffMs, type BackoffOptions } from '../support/backoff.ts';
import { type Clock, realClock } from './clock.ts';

/** What the queue should do with a key after its handler has finished. */
export type Next =
  | { kind: 'done' }
  | { kind: 'requeueAfter'; milliseconds: number }
  /** `atLeastMs` is the wait that the server asked for (Retry-After). */
  | { kind: 'retry'; error: unknown; atLeastMs?: number | undefined };

/** Receives what happens in a queue, for metrics; must not throw. Times are in milliseconds. */
export type QueueObserver = {
  /** A key started to wait that was not waiting. */
  added(): void;
  started(waitedMs: number): void;
  finished(workedMs: number, next: Next['kind']): void;
  retried(): void;
};

export type KeyedQueueOptions = {
  /** Handles one key; a rejection counts as a retry. */
  handle: (key: string) => Promise<Next>;
  /** How many keys are handled at once. */
  concurrency: number;
  backoff: BackoffOptions;
  /** The shortest time between two starts of one key; 0 by default. Additions meanwhile cause one start. */
  spacingMs?: number;
  observer?: QueueObserver | undefined;
  clock?: Clock | undefined;
};

/** The part of a queue that probes and metrics read. */
export type QueueState = Pick<
  KeyedQueue,
  'depth' | 'activeAgesMs' | 'oldestWaitingAt' | 'oldestActiveAt' | 'lastFinishedAt'
>;

/**
 * A queue of keys. Its times are milliseconds of its clock, `performance.now()` by default. Invariants:
 * - a key is handled by one worker at a time; a key that is added meanwhile is handled once more afterwards;
 * - a key waits once, however often it is added, and keys are handled in the order in which they started to
 *   wait;
 * - a key has at most one timer, the earliest; adding the key without a delay cancels it;
 * - the first of a burst is handled at once, and the rest of it together;
 * - the event loop makes a turn before a worker takes its next key, whether or not the handler waits for I/O.
 */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  /** Since when each key has been waiting; insertion order is the order of work. */
  readonly #waiting = new Map<string, number>();
  readonly #active = new Map<string, number>();
  /** Keys that were added while they were active. */
  readonly #again = new Set<string>();
  /** When the keys started that did so within the last `spacingMs`, oldest first. */
  readonly #recentStarts = new Map<string, number>();
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

  /** How many keys are waiting. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** How long each active key has been handled, longest first. */
  get activeAgesMs(): readonly number[] {
    const now = this.#clock.now();
    return [...this.#active.values()].map((since) => now - since);
  }

  /** Since when the oldest waiting key has waited, if any. */
  get oldestWaitingAt(): number | undefined {
    return this.#waiting.values().next().value;
  }

  /** Since when the oldest active key has been handled, if any. */
  get oldestActiveAt(): number | undefined {
    return this.#active.values().next().value;
  }

  /** When the last key was finished, with or without success; the start of the queue if none was. */
  get lastFinishedAt(): number {
    return this.#lastFinishedAt;
  }

  add(key: string): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    if (this.#active.has(key)) this.#again.add(key);
    else this.#enqueueSpaced(key);
  }

  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#timers.set(key, milliseconds);
  }

  /** Drops waiting keys, and resolves when the active ones have ended, or after `withinMs` milliseconds. */
  async stop(withinMs = 10_000): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#again.clear();
    this.#timers.clearAll();
    const end = this.#clock.now() + withinMs;
    while (this.#active.size > 0 && this.#clock.now() < end)
      await new Promise<void>((resolve) => this.#clock.after(10, resolve));
  }

  /** Enqueues a key as soon as its last start is at least `spacingMs` ago. */
  #enqueueSpaced(key: string): void {
    const { spacingMs = 0 } = this.#options;
    const startedAt = this.#recentStarts.get(key);
    const left = startedAt === undefined ? 0 : startedAt + spacingMs - this.#clock.now();
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
      this.#start(key, now);
      this.#options.observer?.started(now - since);
      void this.#work(key, now);
    }
  }

  #start(key: string, now: number): void {
    this.#active.set(key, now);
    const { spacingMs = 0 } = this.#options;
    if (spacingMs === 0) return;
    this.#recentStarts.delete(key);
    this.#recentStarts.set(key, now);
    for (const [old, at] of this.#recentStarts) {
      if (at + spacingMs > now) return;
      this.#recentStarts.delete(old);
    }
  }

  async #work(key: string, began: number): Promise<void> {
    const next = await this.#options.handle(key).catch((error: unknown): Next => ({ kind: 'retry', error }));
    // Handlers without I/O would otherwise follow each other in microtasks, and a long queue of them would keep
    // timers and sockets waiting: the lease would not be renewed.
    await nextTurn();
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

/** One timer for each key, the earliest that was requested. */
class KeyTimers {
  readonly #timers = new Map<string, Timer>();
  readonly #onDue: (key: string) => void;
  readonly #clock: Clock;

  constructor(onDue: (key: string) => void, clock: Clock) {
    this.#onDue = onDue;
    this.#clock = clock;
  }

  /** Sets a timer unless the key has an earlier one; a longer time than {@link longestTimerMs} is cut. */
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
    this.#onDue(key);
  }
}
