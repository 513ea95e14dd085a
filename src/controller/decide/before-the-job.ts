import { jobName } from '../../api/names.ts';
import { validateSpec } from '../../api/validate/validate.ts';
import { RunError } from '../../support/errors.ts';
import type { Verdict } from './conditions.ts';
import { type Decision, isBySuspension, type Observed } from './decision.ts';
import { end, statusOf } from './next-status.ts';
import type { ObservedRun } from '../observe/observed.ts';
import { type Policy, refusedByPolicy } from '../policy/policy.ts';
import { isLate } from './start-clock.ts';
import { tooLate, waiting } from './still-waiting.ts';
import { deletionOfStrays, whileSuspended } from './stopping.ts';
import { endTidily } from './tidying.ts';

/** Accepts a run or refuses it, and makes its Job; a run whose Job was taken away ends. */
export function beforeTheJob(observed: Observed, now: Date, policy: Policy): Decision {
  const { run } = observed;
  if (hasLostItsJob(observed)) {
    const gone = new RunError('JobDeleted', `the Job ${run.status.jobName} is gone`);
    const ended = endTidily(observed, now, gone);
    return { ...ended, actions: [...deletionOfStrays(observed), ...ended.actions] };
  }
  if (policy.problem !== undefined) {
    const message = `The operator's policy is invalid, its administrator must mend it: ${policy.problem}`;
    // Nothing is started for a run that is not allowed yet.
    return isLate(observed, now) ? end(observed, now, tooLate(message)) : waiting(observed, now, message);
  }
  const refusal = refused(run, policy);
  if (refusal !== undefined) return end(observed, now, refusal, { accepted: false });
  return whileSuspended(observed, now) ?? beginning(observed, now);
}

/** A run that is suspended may have none, and has none yet when it goes on, for as long as the API server refuses it. */
function hasLostItsJob({ run, jobRefusal }: Observed): boolean {
  const mayHaveNone = isBySuspension(run.status) || run.spec?.suspend === true;
  return run.status.jobName !== undefined && jobRefusal === undefined && !mayHaveNone;
}

/** Makes the Job, unless it is too late or the API server has just refused it. */
function beginning(observed: Observed, now: Date): Decision {
  const { run, jobRefusal } = observed;
  if (jobRefusal?.permanent === true)
    return endTidily(observed, now, new RunError('JobRefused', jobRefusal.message));
  if (jobRefusal !== undefined)
    return waiting(observed, now, `The API server refuses the Job for now: ${jobRefusal.message}`);
  if (isLate(observed, now)) return waiting(observed, now, whatItWaitedFor(run));
  const created: Verdict = { phase: 'Pending', reason: 'Pending', message: 'The Job was created.' };
  const status = {
    ...statusOf(observed, now, created),
    jobName: jobName(run.metadata),
    startTime: now.toISOString(),
  };
  return { actions: [{ kind: 'createJob' }], status, requeueAfterMs: undefined };
}

function whatItWaitedFor({ status: { phase, message } }: ObservedRun): string {
  return (phase === 'Pending' ? message : undefined) ?? 'The controller did not see it in time.';
}

function refused(run: ObservedRun, policy: Policy): RunError | undefined {
  if (run.spec === undefined) return new RunError('InvalidSpec', run.problem);
  const problems = validateSpec(run.spec);
  if (problems.length > 0) return new RunError('InvalidSpec', inOneSentence(problems));
  return refusedByPolicy(run.spec, policy);
}

const mostProblems = 5;

function inOneSentence(problems: readonly string[]): string {
  const more = problems.length - mostProblems;
  return problems.slice(0, mostProblems).join('; ') + (more > 0 ? `; and ${more} more problems` : '');
}
