import { isTerminalPhase } from '../../../api/status.ts';
import {
  type AcceptedInput,
  safetyMs,
  type SetAction,
  type SetInput,
  type SetOutcome,
  withoutPlanner,
} from './set-outcome.ts';
import { setRefusal } from './set-refusal.ts';

/** Sets that are deleted, refused, cancelled or suspended, and those that wait for the policy. */

/** What is being deleted gets no more status: its DockerRuns and its planner are deleted with it. */
export function deletedSet({ set }: SetInput): SetOutcome | undefined {
  return set.metadata.deletionTimestamp === undefined ? undefined : { verdict: 'unchanged' };
}

/** Cancelling comes before all else, so that a set that is refused can be ended as well. */
export function cancelledSet(input: SetInput): SetOutcome | undefined {
  const { set, chunks } = input;
  if (set.spec?.cancel !== true) return undefined;
  const live = chunks.filter(({ isLive }) => isLive);
  const stops = live
    .filter(({ isStopping }) => !isStopping)
    .map(({ name, uid }): SetAction => ({ kind: 'cancelChunk', name, uid }));
  const actions = [...withoutPlanner(input), ...stops];
  if (live.length > 0) {
    const message = `The set is being cancelled; ${live.length} of its DockerRuns have not ended.`;
    const verdict = { phase: phaseOf(input), reason: 'Cancelling', message, accepted: 'unchecked' } as const;
    return { verdict, actions, requeueAfterMs: safetyMs };
  }
  const message = 'The set was cancelled by spec.cancel. Its results stay in Girder.';
  const ended = { phase: 'Cancelled', reason: 'Cancelled', message } as const;
  return { verdict: { ...ended, accepted: 'unchecked', isStalled: true }, actions };
}

const phaseOf = ({ status: { phase = 'Pending' } }: SetInput) => phase;

/** A spec that contradicts itself, or that the policy does not allow; what runs is completed. */
export function refusedSet(input: SetInput): SetOutcome | undefined {
  const { set, policy } = input;
  const refusal = setRefusal(set, policy);
  if (refusal === undefined) return undefined;
  const { reason, sentenceAtApply: message } = refusal;
  const verdict = { phase: 'Paused', reason, message, accepted: 'no', isStalled: true } as const;
  // A change of the policy wakes no set.
  return { verdict, actions: withoutPlanner(input), requeueAfterMs: policyMs };
}

/** How often a set that depends on the policy looks at it again. */
const policyMs = 30_000;

export function policyUnreadable({ policy, status }: AcceptedInput): SetOutcome | undefined {
  const { problem } = policy;
  if (problem === undefined) return undefined;
  const message = `Nothing starts, because the DockerRunPolicy ${problem}.`;
  const verdict = {
    phase: status.phase ?? 'Pending',
    reason: 'WaitingForPolicy',
    message,
    accepted: 'unchecked',
  } as const;
  return { verdict, requeueAfterMs: policyMs };
}

export function suspendedSet(input: AcceptedInput): SetOutcome | undefined {
  const { set, chunks } = input;
  if (set.spec.suspend !== true) return undefined;
  const live = chunks.filter(({ phase }) => !isTerminalPhase(phase)).length;
  const rest = live === 0 ? '' : ` ${live} DockerRuns that run are completed.`;
  const message = `spec.suspend is true: nothing starts until it is false.${rest}`;
  return {
    verdict: { phase: 'Paused', reason: 'Suspended', message },
    actions: withoutPlanner(input),
    requeueAfterMs: safetyMs,
  };
}
