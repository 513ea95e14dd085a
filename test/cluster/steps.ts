/** A named piece of bringing the cluster up; it starts when all steps named in `after` are done. */
export type Step = { name: string; after: readonly string[]; run: (signal: AbortSignal) => Promise<void> };

/** Runs the steps, each as early as its order allows; the first failure stops the others and is thrown. */
export async function runSteps(steps: readonly Step[], signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const done = new Map<string, Promise<void>>();
  for (const step of steps) {
    const earlier = step.after.map((name) => {
      const promise = done.get(name);
      if (promise === undefined)
        throw new Error(`step ${step.name} names ${name}, which must come before it`);
      return promise;
    });
    const promise = Promise.all(earlier).then(() => step.run(both));
    promise.catch((error: unknown) => failed.abort(error));
    done.set(step.name, promise);
  }
  await Promise.allSettled(done.values());
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
}
