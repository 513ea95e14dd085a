import { isPodOf, type ObservedJob, type ObservedPod } from './observed.ts';

/** How long an ended pod is remembered after its deletion; the Job controller ends a Job sooner than that. */
const rememberedMs = 60_000;

type Job = Pick<ObservedJob, 'namespace' | 'name' | 'uid'>;

/**
 * The cached pods of each Job, so that a reconcile does not search the pods of all runs. Pods are kept by the
 * Job that they claim and by their own namespace, so that those of other namespaces displace none.
 */
export class PodIndex {
  /** The `<namespace>/<name>` of the pods, by the `<namespace>/<uid>` of the Job. */
  readonly #keys = new Map<string, Set<string>>();
  /** By the same key, the last deleted pod of a Job and when (`performance.now()`); the oldest first. */
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
    const job = keyOf({ namespace, uid: jobUid });
    const keys = this.#keys.get(job) ?? new Set();
    if (this.#get(key)?.jobUid === jobUid) this.#keys.set(job, keys.add(key));
    else if (keys.delete(key)) {
      if (keys.size === 0) this.#keys.delete(job);
      this.#remember(job, pod);
    }
  }

  /** The last deleted pod of a Job, if it had ended: only here is its termination message still known. */
  lastDeleted(job: Job): ObservedPod | undefined {
    const deleted = this.#deleted.get(keyOf(job));
    if (deleted === undefined || performance.now() - deleted.at >= rememberedMs) return undefined;
    return isPodOf(deleted.pod, job) ? deleted.pod : undefined;
  }

  #remember(job: string, pod: ObservedPod): void {
    const now = performance.now();
    for (const [key, { at }] of this.#deleted) {
      if (now - at < rememberedMs) break;
      this.#deleted.delete(key);
    }
    if (pod.worker.kind !== 'terminated') return;
    this.#deleted.delete(job);
    this.#deleted.set(job, { pod, at: now });
  }

  /** The pods of a Job, in any order. */
  of(job: Job): ObservedPod[] {
    const keys = [...(this.#keys.get(keyOf(job)) ?? [])];
    const pods = keys.map((key) => this.#get(key));
    // A pod may have lost its owner, or have another one by now.
    return pods.filter((pod): pod is ObservedPod => pod !== undefined && isPodOf(pod, job));
  }
}

function keyOf({ namespace, uid }: Pick<Job, 'namespace' | 'uid'>): string {
  return `${namespace}/${uid}`;
}

/** States through which every pod passes. */
const usual = new Set(['', 'ContainerCreating', 'PodInitializing']);

/**
 * Since when this controller has seen each worker wait for the same kind of thing; the API does not show it.
 * A new leader starts to count again, which only makes it more patient.
 */
export class WaitingSince {
  /** By the uid of the pod. */
  readonly #seen = new Map<string, { readonly kind: string; readonly since: string }>();

  get size(): number {
    return this.#seen.size;
  }

  /** Must be called with each pod that was added, updated or deleted. */
  changed(pod: ObservedPod, { exists }: { exists: boolean }, now: Date): void {
    const kind = exists ? kindOf(pod) : undefined;
    if (kind === undefined) this.#seen.delete(pod.uid);
    else if (this.#seen.get(pod.uid)?.kind !== kind) {
      this.#seen.set(pod.uid, { kind, since: now.toISOString() });
    }
  }

  of({ uid }: ObservedPod): string | undefined {
    return this.#seen.get(uid)?.since;
  }
}

/** A pull alternates between ErrImagePull and ImagePullBackOff. */
function kindOf({ worker }: ObservedPod): string | undefined {
  if (worker.kind !== 'waiting' || usual.has(worker.reason)) return undefined;
  return worker.reason.includes('Image') ? 'image' : worker.reason;
}
