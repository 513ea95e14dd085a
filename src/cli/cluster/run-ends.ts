import { type FailureReason, failureReasons } from '../../api/reasons.ts';
import { exitCodes, exitCodeOf } from '../../api/run-plan.ts';
import { isTerminalPhase } from '../../api/status.ts';
import { recordAt } from '../../kube/json.ts';
import { ownCodes } from '../arguments.ts';
import { targetFailures } from '../local/exit-code.ts';
import { isSet, runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';

/** Exit code when the time of --timeout is over, as of timeout(1). */
export const timeoutCode = 124;

/** The exit code that the end of a run or set has; undefined while it has not ended. */
export function endCodeOf(object: StoredObject): number | undefined {
  return isSet(object) ? setEndCode(object) : runEndCode(object);
}

function runEndCode(object: StoredObject): number | undefined {
  const { phase, reason = '', target } = runStatusOf(object);
  if (!isTerminalPhase(phase)) return undefined;
  if (phase === 'Succeeded') return exitCodes.done;
  const known = isFailureReason(reason) ? reason : undefined;
  const ofTarget = known !== undefined && targetFailures.has(known) ? (target?.exitCode ?? 0) : 0;
  if (ofTarget !== 0) return ofTarget;
  return known === undefined ? exitCodes.internal : exitCodeOf(known);
}

function isFailureReason(reason: string): reason is FailureReason {
  return Object.hasOwn(failureReasons, reason);
}

/** A set that repeats its passes has ended when a pass has; one that needs a person will not end by itself. */
function setEndCode(object: StoredObject): number | undefined {
  const { phase, items, conditions = [] } = setStatusOf(object);
  if (isBehind(object)) return undefined;
  if (phase === 'Cancelled') return exitCodes.cancelledForGood;
  const { watch, schedule } = recordAt(object, 'spec');
  const repeats = (watch ?? schedule) !== undefined;
  if (phase === 'Complete' || (phase === 'Idle' && repeats))
    return (items?.failed ?? 0) > 0 ? exitCodes.items : exitCodes.done;
  const isStalled = conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');
  return isStalled ? ownCodes.failed : undefined;
}

/** Whether the controller has not seen the spec yet, or a pass has yet to try once more what has failed. */
function isBehind(object: StoredObject): boolean {
  const { phase, observedGeneration, pass } = setStatusOf(object);
  if (observedGeneration !== object.metadata['generation']) return true;
  const { retryFailed = pass?.retryFailed } = recordAt(object, 'spec');
  return retryFailed !== pass?.retryFailed && phase !== 'Cancelled';
}

/** One line about a run or set: its phase, and what it does or how it ended. */
export function stateLine(object: StoredObject): string {
  const { phase = 'Pending', message } = isSet(object) ? setStatusOf(object) : runStatusOf(object);
  const progress = isSet(object)
    ? setStatusOf(object).summary
    : isTerminalPhase(runStatusOf(object).phase)
      ? undefined
      : runStatusOf(object).progress?.summary;
  return [phase, progress === undefined ? '' : `(${progress})`, message === undefined ? '' : `: ${message}`]
    .filter((part) => part !== '')
    .join(' ')
    .replace(' :', ':');
}
