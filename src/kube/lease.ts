import { deadline } from '../support/abort.ts';
import type { Connection } from './connection.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import { heldBy, type Lease, type LeaseTiming, parseLease, released } from './lease-rules.ts';
import { requestJson } from './request.ts';

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
