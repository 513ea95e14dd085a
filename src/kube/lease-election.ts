import { deadline, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { Connection } from './connection.ts';
import {
  claimOf,
  isTermOver,
  type Lease,
  LeaseClient,
  type LeaseOptions,
  type LeaseTiming,
  type TrackedLease,
  trackLease,
} from './lease.ts';

type ElectionOptions = LeaseOptions & {
  /** Whether this process could work at once; one that could not leaves the lease to others. */
  isReady: () => boolean;
  /** Works until the term is over or the process has to stop; no work may continue once it has settled. */
  lead: (term: Term) => Promise<void>;
  log: Logger;
};

/** A process whose caches are not filled checks often at first, because they usually fill within a moment. */
const startup = { checkMs: 250, forMs: 10_000 } as const;

/** The lease that was acquired, and when the request for it was sent, by `performance.now()`. */
type Acquired = { readonly lease: Lease; readonly sentAt: number };

/**
 * Leads whenever it holds the lease, as client-go's leader election does. Unlike client-go, it releases the
 * lease when it stops, and becomes a follower again when it loses it.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #lease: LeaseClient;
  #seen: TrackedLease | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#lease = new LeaseClient(options);
  }

  /** Follows and leads until the signal aborts; rejects with `lead`, because the process must exit then. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, isReady } = this.#options;
    const began = performance.now();
    while (!signal.aborted) {
      const acquired = await this.#tryAcquire(signal).catch((error: unknown) => this.#warn(signal, error));
      if (acquired !== undefined) await this.#leadOneTerm(acquired);
      const isStarting = !isReady() && performance.now() - began < startup.forMs;
      await sleep(isStarting ? startup.checkMs : timing.retryMs, signal).catch(() => undefined);
    }
  }

  /** Acquires the lease if allowed. Always reads it first, so that a paused process sees what it missed. */
  async #tryAcquire(signal: AbortSignal): Promise<Acquired | undefined> {
    const { identity, isReady } = this.#options;
    const seen = trackLease(this.#seen, await this.#lease.read(signal), performance.now());
    this.#remember(seen);
    const sentAt = performance.now();
    if (!isReady() || claimOf(seen, identity, sentAt) === 'wait') return undefined;
    const lease = await this.#lease.acquireOrRenew(seen.lease, signal);
    return lease && { lease, sentAt };
  }

  #remember(seen: TrackedLease): void {
    const { identity, log } = this.#options;
    const holder = seen.lease?.holder ?? '';
    const isNewLeader = holder !== this.#seen?.lease?.holder && holder !== '' && holder !== identity;
    this.#seen = seen;
    if (isNewLeader) log.info({ holder }, 'another replica leads');
  }

  async #leadOneTerm({ lease, sentAt }: Acquired): Promise<void> {
    const { log, timing, identity, lead } = this.#options;
    const term = new Term(timing, sentAt);
    const stop = new AbortController();
    log.info({ identity, transitions: lease.transitions }, 'became leader');
    const renewing = this.#renew(lease, term, AbortSignal.any([stop.signal, term.signal]));
    try {
      await lead(term);
    } finally {
      stop.abort();
      await renewing;
      await this.#endTerm(term);
      // From here on, a successor has the whole duration to renew.
      this.#seen = undefined;
    }
  }

  async #renew(acquired: Lease, term: Term, signal: AbortSignal): Promise<void> {
    const { timing, identity } = this.#options;
    let [lease, waitMs] = [acquired, timing.renewMs];
    while (!signal.aborted) {
      try {
        await sleep(waitMs, signal);
        const sentAt = performance.now();
        const renewed = await this.#lease.acquireOrRenew(lease, signal);
        if (renewed !== undefined) term.renewed(sentAt);
        // Undefined: it was written by an administrator, by a successor, or by a request of ours whose answer
        // was lost.
        const current = renewed ?? (await this.#lease.read(signal));
        if (current?.holder !== identity)
          return term.end(`the lease is held by ${current?.holder || 'nobody'}`);
        [lease, waitMs] = [current, renewed === undefined ? 0 : timing.renewMs];
      } catch (error) {
        this.#warn(signal, error);
        waitMs = timing.retryMs;
      }
    }
  }

  /** Ends the term, and releases the lease if the term was not over yet. */
  async #endTerm(term: Term): Promise<void> {
    const { log, timing } = this.#options;
    if (term.signal.aborted) return log.warn({ error: describe(term.signal.reason) }, 'lost leadership');
    term.end('the lease was released');
    try {
      await this.#lease.release(deadline(timing.requestMs));
      log.info('lease released, no longer leading');
    } catch (error) {
      log.warn({ error: describe(error) }, 'cannot release the lease, it will expire');
    }
  }

  #warn(signal: AbortSignal, error: unknown): undefined {
    if (!signal.aborted) {
      this.#options.log.warn({ error: describe(error) }, 'cannot acquire or renew the lease');
    }
  }
}

/** Why a term is over. The leader's requests and waits reject with it. */
class TermOverError extends Error {
  override readonly name = 'TermOverError';
}

/** The time in which this process leads; without a renewal it ends before anyone else may take the lease. */
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

  /** A term without a lease; it ends only by `end`. */
  static endless(): Term {
    const never = Infinity;
    return new Term(
      { durationMs: never, renewDeadlineMs: never, renewMs: never, retryMs: never, requestMs: never },
      0,
    );
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Extends the term after a renewal; `sentAt` is when its request was sent, by `performance.now()`. */
  renewed(sentAt: number): void {
    this.throwIfOver();
    this.#renewedAt = sentAt;
    this.#arm();
  }

  end(why: string): void {
    clearTimeout(this.#timer);
    this.#over.abort(new TermOverError(why));
  }

  /** Reads the clock as well: after a pause of the process, pending answers are handled before its timers. */
  throwIfOver(): void {
    if (isTermOver(this.#renewedAt, performance.now(), this.#timing)) this.end(this.#notRenewed());
    this.#over.signal.throwIfAborted();
  }

  /** The same connection, but no request starts on it once the term is over. */
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
    this.#timer = setTimeout(() => this.end(this.#notRenewed()), Math.max(0, left)).unref();
  }

  #notRenewed(): string {
    return `the lease was not renewed for ${this.#timing.renewDeadlineMs / 1000} s`;
  }
}
