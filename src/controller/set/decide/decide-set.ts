import { counted } from './counting.ts';
import { cleanedUp } from './chunk-cleanup.ts';
import type { ObservedSetState } from '../observe/observed-set.ts';
import { setDecisionOf, type SetDecision } from './set-decision.ts';
import {
  type AcceptedRule,
  isAccepted,
  type SetInput,
  type SetOutcome,
  type SetRule,
  type SetSettings,
} from './set-outcome.ts';
import { betweenPasses, passOver, working } from './set-passes.ts';
import { failedPlanner, outdatedPlanner, silentPlanner, withoutJob } from './set-planner.ts';
import {
  budgetExceeded,
  canaryFailed,
  chunksFailed,
  passRefused,
  pausedInGirder,
  pausedSet,
  refusedByServer,
  withoutPause,
} from './set-pauses.ts';
import { cancelledSet, deletedSet, policyUnreadable, refusedSet, suspendedSet } from './set-stops.ts';

/** In order; the first rule that finds something decides. */
const rules: readonly SetRule[] = [deletedSet, cancelledSet, refusedSet];

/** The rules for a set whose spec is valid and allowed, after those above. */
const acceptedRules: readonly AcceptedRule[] = [
  policyUnreadable,
  suspendedSet,
  pausedSet,
  betweenPasses,
  refusedByServer,
  canaryFailed,
  budgetExceeded,
  chunksFailed,
  outdatedPlanner,
  passRefused,
  failedPlanner,
  withoutJob,
  silentPlanner,
  pausedInGirder,
  passOver,
  working,
];

/**
 * Decides what happens next to a set. Pure and total: the same observation always gives the same decision, also after
 * a restart, because everything that matters later is in the status or in the objects themselves.
 */
export function decideSet(observed: ObservedSetState, now: Date, settings: SetSettings): SetDecision {
  const { generation } = observed.set.metadata;
  const status = withoutPause(counted(observed), generation);
  const input: SetInput = { ...observed, ...settings, status, now };
  return setDecisionOf(input, cleanedUp(input, outcomeOf(input)));
}

function outcomeOf(input: SetInput): SetOutcome {
  for (const rule of rules) {
    const outcome = rule(input);
    if (outcome !== undefined) return outcome;
  }
  if (!isAccepted(input)) return { verdict: 'unchanged' };
  for (const rule of acceptedRules) {
    const outcome = rule(input);
    if (outcome !== undefined) return outcome;
  }
  return { verdict: 'unchanged' };
}
