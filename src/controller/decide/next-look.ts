import type { Observed } from './decision.ts';
import type { ObservedPod } from '../observe/observed.ts';
import { lateInMs } from './start-clock.ts';

/** When a run is looked at anyway for which only changes matter, in case one was missed. */
const safetyMs = 5 * 60_000;

/** When a worker that is being taken away, or has ended, is looked at again. */
const endingMs = 30_000;

/** What keeps a pod from starting is said in Events only: looked for often at first, and ever less often. */
const waitingMs = { least: 5_000, most: 30_000 } as const;

/** In how many milliseconds a run is looked at again whose worker runs: what that says wakes it, time alone does not. */
export function nextLookAtWorker(observed: Observed, pod: ObservedPod, now: Date): number {
  if (pod.worker.kind !== 'running' || pod.deletionTimestamp !== undefined) return endingMs;
  const isPreparing = observed.live === undefined || observed.live.phase === 'Preparing';
  const left = isPreparing ? lateInMs(observed, now) : 0;
  // A start deadline that is over matters only to a worker that says so.
  return left > 0 ? Math.min(left, safetyMs) : safetyMs;
}

/** In how many milliseconds a run is looked at again whose worker has not started. */
export function nextLookAtWaiting(observed: Observed, now: Date): number {
  const { run, job, pods } = observed;
  const since = (pods.at(-1) ?? job ?? run.metadata).creationTimestamp;
  const age = now.getTime() - Date.parse(since);
  const wait = Math.min(waitingMs.most, Math.max(waitingMs.least, age));
  return Math.min(wait, lateInMs(observed, now));
}
