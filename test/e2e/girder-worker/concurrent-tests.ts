import { test } from 'uvu';
import { TaskGroup, TaskLimit } from '../../../src/support/task-group.ts';

const together = 4;

type Waiting = { readonly body: () => Promise<void>; readonly result: PromiseWithResolvers<void> };

/**
 * Tests that run four at a time although uvu takes one after the other: most of a run is waiting. The hooks of the
 * file count for all of them, and each has its own name and result.
 */
export class ConcurrentTests {
  readonly #waiting: Waiting[] = [];
  #hasBegun = false;

  /** Declares a test, as uvu's own `test` does. */
  add(name: string, body: () => Promise<void>): void {
    const result = Promise.withResolvers<void>();
    // Its test may hear of a failure only when those before it have ended.
    result.promise.catch(() => undefined);
    this.#waiting.push({ body, result });
    test(name, () => {
      this.#begin();
      return result.promise;
    });
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const limited = new TaskLimit(new TaskGroup(new AbortController().signal), together);
    for (const { body, result } of this.#waiting)
      void limited.start(() => body().then(result.resolve, result.reject));
  }
}
