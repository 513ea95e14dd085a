import type { ObservedPod } from './observed.ts';

/** How long a pod is remembered that has ended and is gone: longer than the Job controller takes for its verdict. */
const rememberedMs = 60_000;

/** Which pods of the cache are of which Job, so that a look at one run does not go through the pods of all. */
export class PodIndex {
  readonly #keys = new Map<string, Set<string>>();
  /** The last pod of a Job that went, by the uid of the Job, and when (of `performance.now()`); the oldest first. */
  readonly #gone = new Map<string, { readonly pod: ObservedPod; readonly at: number }>();
  readonly #get: (key: string) => ObservedPod | undefined;

  /** `get` gives the pod that the cache has at `<namespace>/<name>`. */
  constructor(get: (key: string) => ObservedPod | undefined) {
    this.#get = get;
  }

  /** Notes a pod that came, changed or went. */
  changed(pod: ObservedPod): void {
    const { namespace, name, jobUid } = pod;
    if (jobUid === undefined) return;
    const key = `${namespace}/${name}`;
    const keys = this.#keys.get(jobUid) ?? new Set();
    if (this.#get(key)?.jobUid === jobUid) this.#keys.set(jobUid, keys.add(key));
    else if (keys.delete(key)) {
      if (keys.size === 0) this.#keys.delete(jobUid);
      this.#remember(jobUid, pod);
    }
  }

  /** The pod of a Job that went last, if that was a moment ago and it had ended: nobody else knows its last word. */
  lastDeleted(jobUid: string): ObservedPod | undefined {
    const gone = this.#gone.get(jobUid);
    return gone !== undefined && performance.now() - gone.at < rememberedMs ? gone.pod : undefined;
  }

  #remember(jobUid: string, pod: ObservedPod): void {
    const now = performance.now();
    for (const [uid, { at }] of this.#gone) {
      if (now - at < rememberedMs) break;
      this.#gone.delete(uid);
    }
    if (pod.worker.kind !== 'terminated') return;
    this.#gone.delete(jobUid);
    this.#gone.set(jobUid, { pod, at: now });
  }

  /** The pods of a Job, in no order. */
  of(jobUid: string): ObservedPod[] {
    const keys = [...(this.#keys.get(jobUid) ?? [])];
    // A pod may have another owner by now, or none.
    return keys.map((key) => this.#get(key)).filter((pod): pod is ObservedPod => pod?.jobUid === jobUid);
  }
}
