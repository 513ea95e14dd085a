import { RunError } from '../../support/errors.ts';
import { attemptHistory } from './attempt-history.ts';
import type { Decision, Observed } from './decision.ts';
import { nextLookAtWaiting } from './next-look.ts';
import { statusOf } from './next-status.ts';
import { isLate } from './start-clock.ts';
import { endTidily } from './tidying.ts';

/** Goes on waiting for what the message says, or ends the run when it has waited too long. */
export function waiting(observed: Observed, now: Date, message: string): Decision {
  if (isLate(observed, now)) return endTidily(observed, now, tooLate(message));
  const { pods, run } = observed;
  const last = attemptHistory(run.status.attemptHistory ?? [], observed, now).at(-1);
  // Of a pod that is gone without a word its Job tells in a moment whether another one follows.
  const followed = (run.spec?.backoffLimit ?? 0) > 0 || last?.reason !== 'WorkerLost';
  const isBetween = pods.length === 0 && last !== undefined && last.reason !== 'Suspended' && followed;
  const retrying = isBetween || pods.length > 1 || pods.at(-1)?.worker.kind === 'terminated';
  // It gave its Job up for a suspension, and has no other yet: who does not know that would take the Job for lost.
  const isResumed = observed.job === undefined && run.status.jobName !== undefined;
  const reason = isResumed ? 'Resumed' : retrying ? 'Retrying' : 'Pending';
  const status = statusOf(observed, now, { phase: 'Pending', reason, message });
  return { actions: [], status, requeueAfterMs: nextLookAtWaiting(observed, now) };
}

/** The end of a run that did not start in time. */
export function tooLate(message: string): RunError {
  return new RunError('StartDeadlineExceeded', `the run did not start: ${message}`);
}
