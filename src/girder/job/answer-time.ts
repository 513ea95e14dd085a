/** Bounds of the wait for an answer, in milliseconds. */
export type AnswerBounds = { readonly shortest: number; readonly longest: number };

/** So many times as long as the last answer took, the next one may take. */
const variation = 4;

/**
 * How long an answer is waited for, found as TCP finds when to send again (RFC 6298): some times as long as the last
 * one took, twice as long after each silence, and `longest` as long as none is known.
 */
export class AnswerTime {
  readonly #bounds: AnswerBounds;
  #lastTook: number | undefined;
  #silences = 0;

  constructor(bounds: AnswerBounds) {
    this.#bounds = bounds;
  }

  /** Milliseconds for the next answer. */
  get within(): number {
    const { shortest, longest } = this.#bounds;
    if (this.#lastTook === undefined) return longest;
    return Math.min(longest, Math.max(shortest, this.#lastTook * variation) * 2 ** this.#silences);
  }

  /** An answer came after `took` milliseconds. */
  answered(took: number): void {
    this.#lastTook = took;
    this.#silences = 0;
  }

  /** No answer came in time. */
  stayedSilent(): void {
    this.#silences += 1;
  }
}
