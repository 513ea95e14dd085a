import { sleep } from '../support/abort.ts';
import { backoffMs, type BackoffOptions } from '../support/backoff.ts';
import type { RunError } from '../support/errors.ts';

/** `totalMs` is how long to retry without progress. */
type RetryLimits = BackoffOptions & { readonly totalMs: number };

/** A run must survive a restart of Girder, which takes about 20 s. */
export const defaultRetryLimits: RetryLimits = { firstMs: 250, maxMs: 10_000, leastMs: 100, totalMs: 90_000 };

/**
 * How long a failure is retried that waiting cures only by chance, in milliseconds, by what the run would lose: its
 * start, or what the target has computed.
 */
export const doubtfulMs = { start: 10_000, results: 90_000 } as const;

/** In milliseconds, for what another address, file or setting cures, and waiting hardly ever does. */
export const briefMs = 5_000;

/** In milliseconds. A server that asks for years is asked again: it does not know how long the run may wait. */
const longestRetryAfterMs = 300_000;

/**
 * Spaces the retries of one operation, and ends them when its time is used up; progress restores the full
 * budget.
 */
export class RetryBudget {
  readonly #limits: RetryLimits;
  #attempts = 0;
  #since = 0;

  constructor(limits: RetryLimits = defaultRetryLimits) {
    this.#limits = limits;
  }

  /** Failures since the last progress. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Resets the budget after something was transferred. */
  progress(): void {
    this.#attempts = 0;
  }

  /**
   * What a run shows while it waits to retry, with the address of Girder unless the failure names the server itself;
   * undefined for the first failure, unless that took long.
   */
  describeWait({ host }: URL, failure: TransientFailure): string | undefined {
    if (this.#attempts === 0 && !(failure instanceof NoResponse)) return undefined;
    const { message } = failure;
    const where = message.includes(host) ? '' : ` at ${host}`;
    const tried = this.#attempts === 0 ? 'once' : `${this.#attempts + 1} times`;
    return `Waiting for Girder${where} (tried ${tried}): ${message}`;
  }

  /** Waits and resolves true, or resolves false at once when the wait would exceed the budget. */
  async waitToRetry(failure: TransientFailure, signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    if (this.#attempts === 0) this.#since = now;
    const wait = waitBefore(failure, backoffMs(this.#attempts, this.#limits));
    this.#attempts += 1;
    const { afterMs = Infinity, error } = failure.ending ?? {};
    const totalMs = error === undefined ? Math.min(this.#limits.totalMs, afterMs) : afterMs;
    if (now + wait - this.#since > totalMs) return false;
    await sleep(wait, signal);
    return true;
  }
}

/**
 * A server may ask for a longer wait, never for a shorter one: with `Retry-After: 0` a thousand workers would
 * ask it without a pause. The jitter is added to what it asks for, so that they do not return all at once.
 */
function waitBefore({ retryAfter = 0 }: TransientFailure, backoff: number): number {
  if (!(retryAfter > 0)) return backoff;
  const asked = Math.min(retryAfter, longestRetryAfterMs);
  return Math.max(backoff, asked + (backoff * asked) / (asked + 10_000));
}

/**
 * The milliseconds after `now` that a Retry-After header asks for; the header has seconds or an HTTP date.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/**
 * How long a failure is retried that seldom passes, in milliseconds; with `error`, in place of the limit of the
 * budget, and that is the error when it is still there.
 */
export type Ending = { readonly afterMs: number; readonly error?: RunError };

/** A failure that a retry may cure; `retryAfter` is in milliseconds. */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
  readonly retryAfter: number | undefined;
  readonly ending: Ending | undefined;

  constructor(message: string, retryAfter?: number, ending?: Ending) {
    super(message);
    this.retryAfter = retryAfter;
    this.ending = ending;
  }
}

/** Nothing came for as long as a request may wait: long enough to be reported at the first time. */
export class NoResponse extends TransientFailure {}

/** The file is shorter than Girder reported: it has no byte at the requested position (416). */
export class RangeRefused extends TransientFailure {}

/** The server's certificate is not accepted, which a retry cannot change; `code` is that of OpenSSL or Node. */
export class UntrustedServer extends Error {
  override readonly name = 'UntrustedServer';
  readonly url: URL;
  readonly code: string;

  constructor(message: string, url: URL, code: string) {
    super(message);
    this.url = url;
    this.code = code;
  }
}

/** The proxy on the way refuses, which a retry cannot change. */
export class RefusedByProxy extends Error {
  override readonly name = 'RefusedByProxy';
}
