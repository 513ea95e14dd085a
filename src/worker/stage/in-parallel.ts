/** How many inputs of a run are fetched at once, and how many places for its results are looked up. */
const concurrentTasks = 4;

/** Does all of it, some at once; the first failure stops the rest. */
export async function inParallel(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      stop.throwIfAborted();
      await task(stop);
    }
  };
  await Promise.all(
    Array.from({ length: concurrentTasks }, () => work().catch((error: unknown) => failed.abort(error))),
  );
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
