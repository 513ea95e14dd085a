import type { ObservedPod } from './observed.ts';

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
  changed(pod: ObservedPod, { exists }: { exists: boolean }, now = new Date()): void {
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
