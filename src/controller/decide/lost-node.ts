import { RunError } from '../../support/errors.ts';
import type { ObservedPod } from '../observe/observed.ts';

/** A pod that is being deleted, on a node that does not answer. */

/** When a pod still exists this long after its deletion deadline, its node counts as lost. */
const lostAfterMs = 120_000;

/** Requeue of a run whose pod is being deleted or has ended, and should be gone. */
const endingMs = 30_000;

/** True for a pod that should have been gone for two minutes; only its node knows whether it still runs. */
export function isLost(pod: ObservedPod, now: Date): boolean {
  return msUntilLost(pod, now) <= 0;
}

/** Milliseconds until the next look at a run whose pods should end: no later than when one of them is lost. */
export function requeueWhileEnding(pods: readonly ObservedPod[], now: Date): number {
  const waits = pods.map((pod) => msUntilLost(pod, now)).filter((wait) => wait > 0);
  return Math.min(endingMs, ...waits);
}

export function lossOfNode({ name, nodeName }: ObservedPod): string {
  return `pod ${name} is being deleted, but node ${nodeName ?? '?'} does not answer`;
}

/** The end of a run whose pod was lost with its node. No setting retries it, because the target may still run there. */
export function nodeLost(pod: ObservedPod): RunError {
  const node = pod.nodeName ?? 'NODE';
  const remedy = `The target may still run there, so no other attempt starts. Bring the node back, or remove it with kubectl delete node ${node}, and create the run again.`;
  return new RunError('WorkerLost', lossOfNode(pod), { remedy });
}

/** The end of a run that had to stop anyway. */
export function stoppedOnLostNode({ name, nodeName }: ObservedPod, by: string): RunError {
  const state = `node ${nodeName ?? '?'} does not answer, and pod ${name} may still be running on it`;
  return new RunError('Cancelled', `${by}; ${state}`);
}

/** Not positive for a pod that is lost, infinite for one that nobody deletes. */
function msUntilLost({ deletionTimestamp }: ObservedPod, now: Date): number {
  if (deletionTimestamp === undefined) return Infinity;
  return Date.parse(deletionTimestamp) + lostAfterMs - now.getTime();
}
