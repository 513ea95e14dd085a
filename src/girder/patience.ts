import { sleep } from '../support/abort.ts';
import type { TransientFailure } from './failure.ts';

/** How long and how often to try again: milliseconds. A restart of Girder takes some 20 s, and must be survived. */
export const defaultPatience = { first: 250, longest: 10_000, total: 90_000 } as const;

export type PatienceLimits = { readonly first: number; readonly longest: number; readonly total: number };

/** The wait before try number `attempt` (1 is the first repetition): exponential with full jitter, `random` in [0, 1). */
export function backoff(attempt: number, limits: PatienceLimits, random: number): number {
  const ceiling = Math.min(limits.longest, limits.first * 2 ** (attempt - 1));
  return Math.round(ceiling * random);
}

/** Spaces the repetitions of one undertaking, and says when to give up; progress makes it patient again. */
export class Patience {
  readonly #limits: PatienceLimits;
  #attempts = 0;
  #since = 0;

  constructor(limits: PatienceLimits = defaultPatience) {
    this.#limits = limits;
  }

  /** How many repetitions there were since the last progress. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Something got through: what comes next is a new trouble. */
  progress(): void {
    this.#attempts = 0;
  }

  /** Waits before the next try and resolves true, or resolves false at once when it is time to give up. */
  async again(failure: TransientFailure, signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    if (this.#attempts === 0) this.#since = now;
    this.#attempts += 1;
    const wait = failure.retryAfter ?? backoff(this.#attempts, this.#limits, Math.random());
    if (now + wait - this.#since > this.#limits.total) return false;
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
