type Task = () => Promise<void>;

/** Tasks that belong together, as in Go's errgroup: the first failure, or the parent's abort, stops them all. */
export class TaskGroup {
  /** For everything that the tasks wait for; its reason is the first failure. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#failed.signal]);
  }

  /** Begins a task at once; the promise that it returns never rejects. */
  start(task: Task): Promise<void> {
    this.signal.throwIfAborted();
    const running = task()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when no task runs any more; throws the first failure. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.signal.throwIfAborted();
  }
}

/** Tasks of a group of which at most `limit` run at once. */
export class TaskLimit {
  readonly #group: TaskGroup;
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();

  constructor(group: TaskGroup, limit: number) {
    this.#group = group;
    this.#limit = limit;
  }

  /** Waits until a task can begin, and begins it. */
  async start(task: Task): Promise<void> {
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    const running = this.#group.start(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when none of these tasks runs any more; throws the first failure of the group. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#group.signal.throwIfAborted();
  }
}

/** Does all of it, at most `limit` at once; rejects with the first failure when all that ran has stopped. */
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
