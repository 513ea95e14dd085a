type Task = () => Promise<void>;

/** A group of tasks like Go's errgroup: the first failure, or an abort of the parent, stops them all. */
export class TaskGroup {
  /** The tasks pass it to everything that they wait for; its reason is the first failure. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#failed.signal]);
  }

  /** Starts a task at once; the returned promise never rejects. Throws if the group has failed. */
  start(task: Task): Promise<void> {
    this.signal.throwIfAborted();
    const running = task()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Waits until no task is running; throws the first failure. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.signal.throwIfAborted();
  }
}

/** Runs at most `limit` tasks of a group at once; a function is asked before each start. */
export class TaskLimit {
  readonly #group: TaskGroup;
  readonly #limit: () => number;
  readonly #running = new Set<Promise<void>>();

  constructor(group: TaskGroup, limit: number | (() => number)) {
    this.#group = group;
    this.#limit = typeof limit === 'number' ? () => limit : limit;
  }

  /** Waits until the task can start, and starts it. */
  async start(task: Task): Promise<void> {
    while (this.#running.size >= this.#limit()) await Promise.race(this.#running);
    const running = this.#group.start(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits until none of these tasks is running; throws the first failure of the group. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#group.signal.throwIfAborted();
  }
}

/** Runs the tasks, at most `limit` at once; rejects with the first failure after all others have stopped. */
export async function doConcurrently(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<void> {
  const group = new TaskGroup(signal);
  const limited = new TaskLimit(group, limit);
  await group.start(async () => {
    for (const task of tasks) await limited.start(() => task(group.signal));
  });
  await group.finish();
}
