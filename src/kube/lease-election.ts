import { deadline, sleep } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { LeaseObject, type LeaseOptions } from './lease.ts';
import { claimOf, type Lease, sight, type Sighting } from './lease-rules.ts';
import { Term } from './lease-term.ts';

/** A Lease, and what its holder does. */
export type ElectionOptions = LeaseOptions & {
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
