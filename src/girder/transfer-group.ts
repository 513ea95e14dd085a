type Task = () => Promise<void>;

/** Transfers that belong together: the first failure, or the caller's signal, stops them all. */
export class TransferGroup {
  /** For everything that the tasks wait for; its reason is what went wrong first. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#failed.signal]);
  }

  /** Begins a task at once; what it gives never rejects. */
  start(task: Task): Promise<void> {
    this.signal.throwIfAborted();
    const running = task()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when nothing runs any more; throws what went wrong first. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.signal.throwIfAborted();
  }
}

/** Tasks of a group of which at most `limit` run at once. */
export class TransferLane {
  readonly #group: TransferGroup;
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();

  constructor(group: TransferGroup, limit: number) {
    this.#group = group;
    this.#limit = limit;
  }

  /** Waits until a task can begin, and begins it. */
  async start(task: Task): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    const running = this.#group.start(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no task of the lane runs any more; throws what went wrong first in the group. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#group.signal.throwIfAborted();
  }
}
