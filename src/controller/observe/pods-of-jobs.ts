import type { ObservedPod } from './observed.ts';

/** Which pods of the cache are of which Job, so that a look at one run does not go through the pods of all. */
export class PodsOfJobs {
  readonly #keys = new Map<string, Set<string>>();
  readonly #get: (key: string) => ObservedPod | undefined;

  /** `get` gives the pod that the cache has at `<namespace>/<name>`. */
  constructor(get: (key: string) => ObservedPod | undefined) {
    this.#get = get;
  }

  /** Notes a pod that came, changed or went. */
  changed({ namespace, name, jobUid }: ObservedPod): void {
    if (jobUid === undefined) return;
    const key = `${namespace}/${name}`;
    const keys = this.#keys.get(jobUid) ?? new Set();
    if (this.#get(key)?.jobUid === jobUid) this.#keys.set(jobUid, keys.add(key));
    else if (keys.delete(key) && keys.size === 0) this.#keys.delete(jobUid);
  }

  /** The pods of a Job, in no order. */
  of(jobUid: string): ObservedPod[] {
    const keys = [...(this.#keys.get(jobUid) ?? [])];
    // A pod may have another owner by now, or none.
    return keys.map((key) => this.#get(key)).filter((pod): pod is ObservedPod => pod?.jobUid === jobUid);
  }
}
