import { sleep } from '../support/abort.ts';
import { backoffMs, type BackoffOptions } from '../support/backoff.ts';

/** The waits between retries, and in `totalMs` how long to retry without progress. */
type RetryLimits = BackoffOptions & { readonly totalMs: number };

/** A restart of Girder takes about 20 s, and a run must survive it. */
export const defaultRetryLimits: RetryLimits = { firstMs: 250, maxMs: 10_000, leastMs: 0, totalMs: 90_000 };

/** Spaces the retries of one operation, and ends them when its time is used up; progress renews the whole budget. */
export class RetryBudget {
  readonly #limits: RetryLimits;
  #attempts = 0;
  #since = 0;

  constructor(limits: RetryLimits = defaultRetryLimits) {
    this.#limits = limits;
  }

  /** How many retries there were since the last progress. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Something was transferred: the next failure is the first of a new row. */
  progress(): void {
    this.#attempts = 0;
  }

  /** Waits before the next retry and resolves true, or resolves false at once when that is after the end. */
  async again(failure: TransientFailure, signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    if (this.#attempts === 0) this.#since = now;
    const wait = failure.retryAfter ?? backoffMs(this.#attempts, this.#limits);
    this.#attempts += 1;
    if (now + wait - this.#since > this.#limits.totalMs) return false;
    await sleep(wait, signal);
    return true;
  }
}

/** Milliseconds that a Retry-After header asks for: seconds or an HTTP date, seen from `now`. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter?: number) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The server's certificate is not trusted: asking again changes nothing. */
export class UntrustedServer extends Error {
  override readonly name = 'UntrustedServer';
}
