import { finalExitCodes } from '../../api/reasons.ts';
import { msUntilRemoval } from './attempts.ts';
import { endOfLastWorker } from './finished.ts';
import { attemptEnded } from './running.ts';
import { type Input, type Outcome, succeeded } from './outcome.ts';

/** A pod that outlives its worker, because others added a container to it that does not end. */

/**
 * After the grace period, the run ends as its worker did. If a retry follows, only the pod is deleted: the Job
 * then counts it as a failed attempt and creates the next one.
 */
export function podOutlivesWorker(input: Input): Outcome | undefined {
  const pod = input.pods.at(-1);
  if (pod === undefined || msUntilRemoval(input, pod) !== 0) return undefined;
  const { name, uid, worker } = pod;
  if (worker.kind !== 'terminated') return undefined;
  if (worker.exitCode === 0) return { verdict: succeeded(worker.report), report: worker.report };
  const isFinal = (finalExitCodes as readonly number[]).includes(worker.exitCode);
  const retried = isFinal ? undefined : attemptEnded(input);
  if (retried === undefined) return endOfLastWorker(input, input.now.toISOString());
  return { ...retried, actions: [...(retried.actions ?? []), { kind: 'deletePod', name, uid }] };
}
