import { deadline, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { Connection } from './connection.ts';
import {
  claimOf,
  isTermOver,
  type Lease,
  LeaseObject,
  type LeaseOptions,
  type LeaseTiming,
  sight,
  type Sighting,
} from './lease.ts';

/** A Lease, and what its holder does. */
type ElectionOptions = LeaseOptions & {
  /** Whether this process could work at once; one that could not leaves the lease to others. */
  isReady: () => boolean;
  /** Works until the term is over, or until it shall stop; nothing of it may go on when it has settled. */
  lead: (term: Term) => Promise<void>;
  log: Logger;
};

/** How soon one who is not ready yet looks again: its caches mostly fill in a moment, or not for long. */
const unreadyMs = { soon: 250, for: 10_000 } as const;

type Held = { readonly lease: Lease; readonly sentAt: number };

/**
 * Leads whenever the lease can be had, as client-go's leader election does. Unlike there, who stops lets go of the
 * lease, and who loses it follows again.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #lease: LeaseObject;
  #seen: Sighting | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#lease = new LeaseObject(options);
  }

  /** Follows and leads until the signal aborts; rejects when `lead` does, since the process has to end then. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, isReady } = this.#options;
    const began = performance.now();
    while (!signal.aborted) {
      const held = await this.#claim(signal).catch((error: unknown) => this.#warn(signal, error));
      if (held !== undefined) await this.#leadOneTerm(held);
      const isStarting = !isReady() && performance.now() - began < unreadyMs.for;
      await sleep(isStarting ? unreadyMs.soon : timing.retryMs, signal).catch(() => undefined);
    }
  }

  /** Takes the lease if that is allowed; it is always read first, so that a process that stood still sees what it missed. */
  async #claim(signal: AbortSignal): Promise<Held | undefined> {
    const { identity, isReady } = this.#options;
    const seen = sight(this.#seen, await this.#lease.read(signal), performance.now());
    this.#note(seen);
    const sentAt = performance.now();
    if (!isReady() || claimOf(seen, identity, sentAt) === 'wait') return undefined;
    const lease = await this.#lease.hold(seen.lease, signal);
    return lease && { lease, sentAt };
  }

  #note(seen: Sighting): void {
    const { identity, log } = this.#options;
    const holder = seen.lease?.holder ?? '';
    const isNews = holder !== this.#seen?.lease?.holder && holder !== '' && holder !== identity;
    this.#seen = seen;
    if (isNews) log.info({ holder }, 'following');
  }

  async #leadOneTerm({ lease, sentAt }: Held): Promise<void> {
    const { log, timing, identity, lead } = this.#options;
    const term = new Term(timing, sentAt);
    const stop = new AbortController();
    log.info({ identity, transitions: lease.transitions }, 'leading');
    const renewing = this.#renew(lease, term, AbortSignal.any([stop.signal, term.signal]));
    try {
      await lead(term);
    } finally {
      stop.abort();
      await renewing;
      await this.#letGo(term);
      // A successor is watched for the whole duration from here on.
      this.#seen = undefined;
    }
  }

  async #renew(held: Lease, term: Term, signal: AbortSignal): Promise<void> {
    const { timing, identity } = this.#options;
    let [lease, waitMs] = [held, timing.renewMs];
    while (!signal.aborted) {
      try {
        await sleep(waitMs, signal);
        const sentAt = performance.now();
        const renewed = await this.#lease.hold(lease, signal);
        if (renewed !== undefined) term.renewed(sentAt);
        // Somebody wrote it: an administrator, a successor, or this process by a request whose answer was lost.
        const now = renewed ?? (await this.#lease.read(signal));
        if (now?.holder !== identity) return term.end(`the lease is held by ${now?.holder || 'nobody'}`);
        [lease, waitMs] = [now, renewed === undefined ? 0 : timing.renewMs];
      } catch (error) {
        this.#warn(signal, error);
        waitMs = timing.retryMs;
      }
    }
  }

  /** Ends the term and, if it was not over yet, leaves the lease to others. */
  async #letGo(term: Term): Promise<void> {
    const { log, timing } = this.#options;
    if (term.signal.aborted) return log.warn({ error: describe(term.signal.reason) }, 'leading no more');
    term.end('the lease is released');
    try {
      await this.#lease.release(deadline(timing.requestMs));
      log.info('leading no more, the lease is released');
    } catch (error) {
      log.warn({ error: describe(error) }, 'the lease was not released: it expires');
    }
  }

  #warn(signal: AbortSignal, error: unknown): undefined {
    if (!signal.aborted) this.#options.log.warn({ error: describe(error) }, 'no use of the lease');
  }
}

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
