import type { Connection } from './connection.ts';
import { isTermOver, type LeaseTiming } from './lease-rules.ts';

/** Why a term is over; requests and waits of the loop reject with it. */
class TermOverError extends Error {
  override readonly name = 'TermOverError';
}

/**
 * The time in which this process leads. It ends by itself when it is not renewed in time, which is before anybody else
 * may take the lease.
 */
export class Term {
  readonly #timing: LeaseTiming;
  readonly #over = new AbortController();
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timing: LeaseTiming, renewedAt: number) {
    this.#timing = timing;
    this.#renewedAt = renewedAt;
    this.#arm();
  }

  /** A term without a lease: it ends only when it is told to. */
  static endless(): Term {
    const never = Infinity;
    return new Term(
      { durationMs: never, renewDeadlineMs: never, renewMs: never, retryMs: never, requestMs: never },
      0,
    );
  }

  /** Aborts when the term is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** The lease was renewed by a request that was sent at this time of `performance.now()`. */
  renewed(sentAt: number): void {
    this.throwIfOver();
    this.#renewedAt = sentAt;
    this.#arm();
  }

  end(why: string): void {
    clearTimeout(this.#timer);
    this.#over.abort(new TermOverError(why));
  }

  /** Asks the clock, too: after a pause of the whole process, its timers run later than what was waiting for an answer. */
  throwIfOver(): void {
    if (isTermOver(this.#renewedAt, performance.now(), this.#timing)) this.end(this.#unrenewed());
    this.#over.signal.throwIfAborted();
  }

  /** The same connection, but no request begins on it when the term is over. */
  fence(connection: Connection): Connection {
    const authenticate = async () => {
      const headers = await connection.authenticate();
      this.throwIfOver();
      return headers;
    };
    return { ...connection, authenticate };
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const left = this.#renewedAt + this.#timing.renewDeadlineMs - performance.now();
    if (left === Infinity || this.#over.signal.aborted) return;
    this.#timer = setTimeout(() => this.end(this.#unrenewed()), Math.max(0, left)).unref();
  }

  #unrenewed(): string {
    return `the lease was not renewed for ${this.#timing.renewDeadlineMs / 1000} s`;
  }
}
