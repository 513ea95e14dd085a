import { deadline } from '../support/abort.ts';
import type { Connection } from './connection.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import { requestJson } from './request.ts';
import { numberAt, recordAt, textAt } from './json.ts';

/** Which Lease, who wants it, and for how long. */
export type LeaseOptions = {
  connection: Connection;
  namespace: string;
  name: string;
  /** Of this process and of no other, not even of one that ran before in the same pod. */
  identity: string;
  timing: LeaseTiming;
};

/** One Lease on the API server; every write is refused there when somebody else wrote first. */
export class LeaseObject {
  readonly #options: LeaseOptions;
  readonly #collection: string;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#collection = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  /** The lease as it is now; nothing when there is none. */
  async read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return parseLease(await this.#request({ method: 'GET', path: this.#path }, signal));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Creates, takes or renews the lease that was read as `before`; nothing when it was not that any more. */
  async hold(before: Lease | undefined, signal: AbortSignal): Promise<Lease | undefined> {
    const { identity, name, timing } = this.#options;
    const spec = heldBy(identity, before, timing, new Date());
    const write =
      before === undefined
        ? { method: 'POST' as const, path: this.#collection, body: { metadata: { name }, spec } }
        : this.#patch(before, spec);
    return this.#writeUnlessChanged(write, signal);
  }

  /** Lets go of the lease if it is ours, so that a follower takes it at once. */
  async release(signal: AbortSignal): Promise<void> {
    // More than once, since a renewal that was given up may still arrive in between.
    for (let tries = 0; tries < 3; tries += 1) {
      const lease = await this.read(signal);
      if (lease?.holder !== this.#options.identity) return;
      if ((await this.#writeUnlessChanged(this.#patch(lease, released(new Date())), signal)) !== undefined)
        return;
    }
  }

  get #path(): string {
    return `${this.#collection}/${this.#options.name}`;
  }

  #patch({ resourceVersion }: Lease, spec: Record<string, unknown>) {
    return {
      method: 'PATCH' as const,
      path: this.#path,
      contentType: 'application/merge-patch+json',
      body: { metadata: { resourceVersion }, spec },
    };
  }

  async #writeUnlessChanged(
    request: Omit<Parameters<typeof requestJson>[1], 'signal'>,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    try {
      return parseLease(await this.#request(request, signal));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #request(
    request: Omit<Parameters<typeof requestJson>[1], 'signal'>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { connection, timing } = this.#options;
    return requestJson(connection, { ...request, signal: deadline(timing.requestMs, signal) });
  }
}

/** What a Lease (coordination.k8s.io/v1) says, with the names of client-go's leader election. */
export type Lease = {
  /** Empty when nobody holds it: a leader that stops cleanly leaves it so. */
  readonly holder: string;
  readonly durationMs: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
  readonly resourceVersion: string;
};

/** A Lease, or that there is none, and since when, by this process' own clock (milliseconds), it has been as it is. */
export type Sighting = { readonly lease: Lease | undefined; readonly since: number };

/**
 * How long a lease is good, when a leader that cannot renew it stops, and how often who does what (milliseconds).
 * What must hold: `renewDeadlineMs` < `durationMs` by more than clocks can differ in RATE (12 : 8 allows one to run
 * half as fast again as the other), and `renewDeadlineMs` has room for several tries of `requestMs`.
 */
export type LeaseTiming = {
  readonly durationMs: number;
  readonly renewDeadlineMs: number;
  readonly renewMs: number;
  /** How often a follower looks, and how soon a renewal that failed is tried again. */
  readonly retryMs: number;
  readonly requestMs: number;
};

/**
 * The proportions are client-go's (15, 10, 2 s), but shorter, so that after a kill a new leader works within 20 s also on
 * a node that is busy: 12 s + 2 looks. After a clean stop, which releases the lease, it works within one look.
 */
export const leaseTiming: LeaseTiming = {
  durationMs: 12_000,
  renewDeadlineMs: 8_000,
  renewMs: 2_000,
  retryMs: 1_000,
  requestMs: 2_000,
};

/** What one who wants to lead may do with the lease as it was seen last. */
type LeaseClaim = 'create' | 'renew' | 'take' | 'wait';

/**
 * Who may take a lease. It has expired when it did not change for its whole duration by the clock of who looks: the
 * times in it were written by others' clocks and are never compared.
 */
export function claimOf({ lease, since }: Sighting, identity: string, now: number): LeaseClaim {
  if (lease === undefined) return 'create';
  if (lease.holder === identity) return 'renew';
  if (lease.holder === '') return 'take';
  return now - since > lease.durationMs ? 'take' : 'wait';
}

/** Takes note of the lease as it was read: `since` moves only when its holder wrote it. */
export function sight(before: Sighting | undefined, lease: Lease | undefined, now: number): Sighting {
  const isSame =
    before !== undefined &&
    before.lease?.holder === lease?.holder &&
    before.lease?.renewTime === lease?.renewTime &&
    before.lease?.transitions === lease?.transitions;
  return { lease, since: isSame ? before.since : now };
}

/**
 * Whether a leader has to stop. `renewedAt` is when it SENT its last renewal that succeeded: a follower can have seen
 * that no earlier, so its count of `durationMs` begins later than this count of `renewDeadlineMs`.
 */
export function isTermOver(renewedAt: number, now: number, { renewDeadlineMs }: LeaseTiming): boolean {
  return now - renewedAt >= renewDeadlineMs;
}

/** Parses a Lease; fields that are missing are those of one that nobody holds. */
export function parseLease(object: unknown): Lease {
  const spec = recordAt(object, 'spec');
  return {
    holder: textAt(spec, 'holderIdentity') ?? '',
    durationMs: (numberAt(spec, 'leaseDurationSeconds') ?? 0) * 1000,
    acquireTime: textAt(spec, 'acquireTime') ?? '',
    renewTime: textAt(spec, 'renewTime') ?? '',
    transitions: numberAt(spec, 'leaseTransitions') ?? 0,
    resourceVersion: textAt(recordAt(object, 'metadata'), 'resourceVersion') ?? '',
  };
}

/** What a Lease's `spec` becomes when `identity` creates, takes or renews it. */
export function heldBy(
  identity: string,
  before: Lease | undefined,
  { durationMs }: LeaseTiming,
  at: Date,
): Record<string, unknown> {
  const isOwn = before?.holder === identity;
  const now = microTime(at);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    acquireTime: isOwn ? before.acquireTime : now,
    renewTime: now,
    leaseTransitions: (before?.transitions ?? 0) + (before === undefined || isOwn ? 0 : 1),
  };
}

/** What a Lease's `spec` becomes when its holder stops cleanly: anybody may take it at once (as with client-go's ReleaseOnCancel). */
export function released(at: Date): Record<string, unknown> {
  const now = microTime(at);
  return { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
}

/** Kubernetes' MicroTime has exactly six decimals. */
function microTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z');
}
