/** Exponential backoff with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). */
export type BackoffOptions = { readonly firstMs: number; readonly maxMs: number };

/** The wait before try number `failures` + 1, in milliseconds; `random` gives a number in [0, 1). */
export function backoffMs(
  failures: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(failures, 30));
  return Math.ceil(options.firstMs / 2 + random() * (ceiling - options.firstMs / 2));
}
