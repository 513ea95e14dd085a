/** Bounds of the wait for an answer, in milliseconds. */
export type TimeoutBounds = { readonly shortest: number; readonly longest: number };

/** The next answer may take this many times as long as the last one took. */
const variation = 4;

/**
 * The timeout of the next answer, computed as TCP's retransmission timeout (RFC 6298): a multiple of what the last
 * answer took, doubled by each timeout, and `longest` until the first answer.
 */
export class AdaptiveTimeout {
  readonly #bounds: TimeoutBounds;
  #lastTook: number | undefined;
  #timeouts = 0;

  constructor(bounds: TimeoutBounds) {
    this.#bounds = bounds;
  }

  /** Milliseconds for the next answer. */
  get within(): number {
    const { shortest, longest } = this.#bounds;
    if (this.#lastTook === undefined) return longest;
    return Math.min(longest, Math.max(shortest, this.#lastTook * variation) * 2 ** this.#timeouts);
  }

  /** An answer came after `took` milliseconds. */
  answered(took: number): void {
    this.#lastTook = took;
    this.#timeouts = 0;
  }

  /** No answer came in time: the next one may take twice as long. */
  timedOut(): void {
    this.#timeouts += 1;
  }
}
