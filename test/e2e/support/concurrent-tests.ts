import { suite } from '../../fixtures/suite.ts';

const together = 4;

type Body = () => Promise<void>;
type Waiting = { readonly body: Body; readonly result: PromiseWithResolvers<void> };

/** Has the same shape as uvu's `test`. */
export type ConcurrentTest = {
  (name: string, body: Body): void;
  readonly before: (hook: Body) => void;
  readonly after: (hook: Body) => void;
  readonly run: () => void;
};

/**
 * A `test` whose tests run four at a time, because a run in a cluster usually waits; uvu alone runs them one
 * by one. Hooks are those of the file, and each test has its own name and result.
 */
export function concurrentTest(): ConcurrentTest {
  const test = suite();
  const waiting: Waiting[] = [];
  let hasBegun = false;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await next.body().then(next.result.resolve, next.result.reject);
  };
  const begin = () => {
    if (hasBegun) return;
    hasBegun = true;
    for (let count = 0; count < together; count += 1) void work();
  };
  const declare = (name: string, body: Body) => {
    const result = Promise.withResolvers<void>();
    // uvu awaits a result only after the tests before it; until then a rejection must not count as unhandled.
    result.promise.catch(() => undefined);
    waiting.push({ body, result });
    test(name, () => {
      begin();
      return result.promise;
    });
  };
  return Object.assign(declare, {
    before: (hook: Body) => test.before(hook),
    after: (hook: Body) => test.after(hook),
    run: () => test.run(),
  });
}
