import { exitCodeOf, exitCodes, isFailureReason } from '../../api/reasons.ts';

/** What another attempt cannot mend, or must not be made of: the Job fails at once. */
export const finalExitCodes = [exitCodes.spec, exitCodes.deadline, exitCodes.cancelledForGood];

/** True for a reason that the Job's own rules do not try again. */
export function isFinal(reason: string | undefined): boolean {
  return isFailureReason(reason) && (finalExitCodes as readonly number[]).includes(exitCodeOf(reason));
}
