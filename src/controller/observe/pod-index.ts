import type { ObservedPod } from './observed.ts';

/** How long an ended pod is remembered after its deletion; the Job controller ends a Job sooner than that. */
const rememberedMs = 60_000;

/** The cached pods of each Job, so that a reconcile does not search the pods of all runs. */
export class PodIndex {
  /** The `<namespace>/<name>` of its pods, by the uid of the Job. */
  readonly #keys = new Map<string, Set<string>>();
  /** By the uid of the Job, its last deleted pod and when (`performance.now()`); the oldest first. */
  readonly #deleted = new Map<string, { readonly pod: ObservedPod; readonly at: number }>();
  readonly #get: (key: string) => ObservedPod | undefined;

  /** `get` returns the pod that the cache has at `<namespace>/<name>`. */
  constructor(get: (key: string) => ObservedPod | undefined) {
    this.#get = get;
  }

  /** Must be called with each pod that was added, updated or deleted, after the cache has changed. */
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

  /** The last deleted pod of a Job, if it had ended: only here is its termination message still known. */
  lastDeleted(jobUid: string): ObservedPod | undefined {
    const deleted = this.#deleted.get(jobUid);
    const isRecent = deleted !== undefined && performance.now() - deleted.at < rememberedMs;
    return isRecent ? deleted.pod : undefined;
  }

  #remember(jobUid: string, pod: ObservedPod): void {
    const now = performance.now();
    for (const [uid, { at }] of this.#deleted) {
      if (now - at < rememberedMs) break;
      this.#deleted.delete(uid);
    }
    if (pod.worker.kind !== 'terminated') return;
    this.#deleted.delete(jobUid);
    this.#deleted.set(jobUid, { pod, at: now });
  }

  /** The pods of a Job, in any order. */
  of(jobUid: string): ObservedPod[] {
    const keys = [...(this.#keys.get(jobUid) ?? [])];
    // A pod may have lost its owner, or have another one by now.
    return keys.map((key) => this.#get(key)).filter((pod): pod is ObservedPod => pod?.jobUid === jobUid);
  }
}
