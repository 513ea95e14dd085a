import { test } from 'uvu';

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
    for (let count = 0; count < together; count += 1) void this.#work();
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await next.body().then(next.result.resolve, next.result.reject);
    }
  }
}
