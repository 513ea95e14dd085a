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
  const status = statusOf(observed, now, { phase: 'Pending', reason: whyWaiting(observed, now), message });
  return { actions: [], status, requeueAfterMs: nextLookAtWaiting(observed, now) };
}

function whyWaiting(observed: Observed, now: Date): 'Resumed' | 'Retrying' | 'Pending' {
  const { job, pods, run } = observed;
  // It gave its Job up for a suspension, and has no other yet: who does not know that would take the Job for lost.
  if (job === undefined && run.status.jobName !== undefined) return 'Resumed';
  if (pods.length === 0) return isFollowed(observed, now) ? 'Retrying' : 'Pending';
  return pods.length > 1 || pods[0]?.worker.kind === 'terminated' ? 'Retrying' : 'Pending';
}

/** True between an attempt whose pod is gone and the one that follows. */
function isFollowed(observed: Observed, now: Date): boolean {
  const { status, spec } = observed.run;
  const last = attemptHistory(status.attemptHistory ?? [], observed, now).at(-1);
  // Of a pod that is gone without a word its Job tells in a moment whether there is another one.
  const isLast = last?.reason === 'WorkerLost' && (spec?.backoffLimit ?? 0) === 0;
  return last !== undefined && last.reason !== 'Suspended' && !isLast;
}

/** The end of a run that did not start in time. */
export function tooLate(message: string): RunError {
  return new RunError('StartDeadlineExceeded', `the run did not start: ${message}`);
}
