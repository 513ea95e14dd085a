import { deadline } from '../support/abort.ts';
import type { Connection } from './connection.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import { requestJson } from './request.ts';
import { numberAt, recordAt, textAt } from './json.ts';

/** The fields of a Lease (coordination.k8s.io/v1) that leader election uses, named as in client-go. */
export type Lease = {
  /** Empty when nobody holds it: a leader that stops cleanly leaves it so. */
  readonly holder: string;
  readonly durationMs: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
  readonly resourceVersion: string;
};

/**
 * The durations of leader election, in milliseconds. `renewDeadlineMs` must be shorter than `durationMs` by
 * more than clocks differ in RATE (with 8 : 12, one clock may run 1.5 times as fast as another), and must
 * allow several requests.
 */
export type LeaseTiming = {
  /** How long a follower must see the lease unchanged before it takes it. */
  readonly durationMs: number;
  /** A leader stops when its last successful renewal is this old. */
  readonly renewDeadlineMs: number;
  readonly renewMs: number;
  /** How often a follower reads the lease, and how soon a failed renewal is retried. */
  readonly retryMs: number;
  readonly requestMs: number;
};

/**
 * The proportions are client-go's (15, 10, 2 s). The times are shorter, so that a new leader works within 20
 * s of a kill even on a busy node (12 s + 2 reads), and within one read after a clean stop, which releases
 * the lease.
 */
export const leaseTiming: LeaseTiming = {
  durationMs: 12_000,
  renewDeadlineMs: 8_000,
  renewMs: 2_000,
  retryMs: 1_000,
  requestMs: 2_000,
};

/** A lease as it was last read; undefined if it does not exist. */
export type TrackedLease = {
  readonly lease: Lease | undefined;
  /** When this process first saw it like this, by its own clock in milliseconds. */
  readonly since: number;
};

/** Records the lease as it was read; `since` moves only when a holder has written it. */
export function trackLease(
  before: TrackedLease | undefined,
  lease: Lease | undefined,
  now: number,
): TrackedLease {
  const isSame =
    before !== undefined &&
    before.lease?.holder === lease?.holder &&
    before.lease?.renewTime === lease?.renewTime &&
    before.lease?.transitions === lease?.transitions;
  return { lease, since: isSame ? before.since : now };
}

type LeaseClaim = 'create' | 'renew' | 'take' | 'wait';

/**
 * What a candidate may do with the lease. It has expired when this process saw no change for the whole
 * duration; the times in it come from other clocks and are never compared.
 */
export function claimOf({ lease, since }: TrackedLease, identity: string, now: number): LeaseClaim {
  if (lease === undefined) return 'create';
  if (lease.holder === identity) return 'renew';
  if (lease.holder === '') return 'take';
  return now - since > lease.durationMs ? 'take' : 'wait';
}

/**
 * Whether a leader has to stop. `renewedAt` is when it SENT its last successful renewal: a follower cannot
 * have seen that renewal earlier, so the follower's count of `durationMs` starts later than this count of
 * `renewDeadlineMs`.
 */
export function isTermOver(renewedAt: number, now: number, { renewDeadlineMs }: LeaseTiming): boolean {
  return now - renewedAt >= renewDeadlineMs;
}

export type LeaseOptions = {
  connection: Connection;
  namespace: string;
  name: string;
  /** Unique to this process: an earlier process in the same pod must have had another one. */
  identity: string;
  timing: LeaseTiming;
};

type LeaseRequest = Omit<Parameters<typeof requestJson>[1], 'signal'>;

/** Reads and writes one Lease; the API server rejects every write that is based on an old version. */
export class LeaseClient {
  readonly #options: LeaseOptions;
  readonly #collection: string;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#collection = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  /** Returns the current lease; undefined if it does not exist. */
  async read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return parseLease(await this.#request({ method: 'GET', path: this.#path }, signal));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Creates, takes or renews the lease that was read as `before`; undefined if it has changed since. */
  async acquireOrRenew(before: Lease | undefined, signal: AbortSignal): Promise<Lease | undefined> {
    const { identity, name, timing } = this.#options;
    const spec = heldSpec(identity, before, timing, new Date());
    const write =
      before === undefined
        ? { method: 'POST' as const, path: this.#collection, body: { metadata: { name }, spec } }
        : this.#patch(before, spec);
    return this.#writeUnlessChanged(write, signal);
  }

  /** Releases the lease if this process holds it, so that a follower can take it at once. */
  async release(signal: AbortSignal): Promise<void> {
    // Several tries, because a renewal that we gave up may still arrive in between.
    for (let tries = 0; tries < 3; tries += 1) {
      const lease = await this.read(signal);
      if (lease?.holder !== this.#options.identity) return;
      const written = await this.#writeUnlessChanged(this.#patch(lease, releasedSpec(new Date())), signal);
      if (written !== undefined) return;
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

  async #writeUnlessChanged(request: LeaseRequest, signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return parseLease(await this.#request(request, signal));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #request(request: LeaseRequest, signal: AbortSignal): Promise<unknown> {
    const { connection, timing } = this.#options;
    return requestJson(connection, { ...request, signal: deadline(timing.requestMs, signal) });
  }
}

/** Parses a Lease of any program; missing fields are read as those of a lease that nobody holds. */
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

/** The `spec` of a Lease when `identity` creates, takes or renews it. */
export function heldSpec(
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

/** The `spec` of a released Lease: anyone may take it at once (as with client-go's ReleaseOnCancel). */
export function releasedSpec(at: Date): Record<string, unknown> {
  const now = microTime(at);
  return { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
}

/** Kubernetes' MicroTime has exactly six decimals. */
function microTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z');
}
