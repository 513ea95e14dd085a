/** Bounds of exponential backoff, in milliseconds. */
export type BackoffOptions = {
  /** The longest wait after the first failure; it doubles with each further failure. */
  readonly firstMs: number;
  /** The longest wait of all. */
  readonly maxMs: number;
  /** The shortest wait of all; half of `firstMs` when absent. */
  readonly leastMs?: number | undefined;
};

/**
 * The wait before the next try, in milliseconds, after `failures` earlier failures: exponential with full
 * jitter; `random` returns values in [0, 1)
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs, leastMs = firstMs / 2 }: BackoffOptions,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
  return Math.ceil(leastMs + random() * (ceiling - leastMs));
}
