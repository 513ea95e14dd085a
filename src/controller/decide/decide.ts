import { isJobOf, type Observed } from '../observe/observed.ts';
import { cancelled, deleted, suspended } from './cancel-and-suspend.ts';
import { cleanUpElsewhere } from './cleanup.ts';
import { ended, foreignJob, jobFinished } from './finished.ts';
import { disruptedTooOften } from './disruptions.ts';
import type { Decision, Input, Outcome, Settings } from './outcome.ts';
import {
  jobLost,
  jobMissing,
  jobRefused,
  podMissing,
  podPending,
  policyInvalid,
  refused,
} from './pending.ts';
import { jobOfOtherSpec } from './spec-refusal.ts';
import {
  attemptEnded,
  namespaceTerminating,
  podOutlivesWorker,
  preparedTooLong,
  workerLost,
  workerRunning,
  workerSucceeded,
} from './running.ts';
import { decisionOf } from './decision.ts';

/** Returns what is true of a run, and what follows from it; undefined when the rule does not apply. */
type Rule = (input: Input) => Outcome | undefined;

/** The first rule that applies decides. */
const rules: readonly Rule[] = [
  // The run is over, or its Job is.
  deleted, //              deleted and not held: only its Job is deleted
  ended, //                terminal: stop its Job, delete the run when its time to live is over
  foreignJob, //           the Job does not belong to the run: Failed
  jobOfOtherSpec, //       the spec changed before the status named the Job: give it up, or Failed
  jobFinished, //          the Job has ended: Succeeded, Failed or Cancelled, as its last worker reported
  cancelled, //            spec.cancel, or deleted and held: delete the Job, then Cancelled

  // The run has no Job.
  jobLost, //              somebody deleted the Job: Failed
  policyInvalid, //        the policy cannot be read: Pending
  refused, //              the spec is invalid or not allowed: Failed, never accepted

  // The run may go ahead, or stand still.
  namespaceTerminating, // Cancelled
  suspended, //            spec.suspend, or a queue: Suspended; or resume the Job
  jobRefused, //           the API server refused the Job in this reconcile: Pending or Failed
  jobMissing, //           create the Job

  // The run has a Job that has not ended.
  workerSucceeded, //      Succeeded
  disruptedTooOften, //    more disruptions than disruptionLimit, or evictions than backoffLimit: Failed
  podMissing, //           Pending
  workerLost, //           the node of the pod does not answer: Failed
  podPending, //           Pending, or Failed when its worker can never start
  preparedTooLong, //      the start deadline has passed: Failed
  podOutlivesWorker, //    other containers keep the pod: ends as its worker did, or delete the pod
  attemptEnded, //         Pending until the Job's next pod

  // Otherwise workerRunning, which always applies: Preparing, Running or Uploading.
];

/** Decides what happens to a run next. Pure and total: the same observation gives the same decision. */
export function decide(observed: Observed, now: Date, settings: Settings): Decision {
  const input: Input = { ...observed, ...settings, now };
  const decision = decisionOf(input, outcomeOf(input));
  const elsewhere = cleanUpElsewhere(input, decision.status);
  return elsewhere.length === 0 ? decision : { ...decision, actions: [...decision.actions, ...elsewhere] };
}

function outcomeOf(input: Input): Outcome {
  let isChecked = wasChecked(input);
  for (const rule of rules) {
    const outcome = rule(input);
    if (outcome !== undefined) return { ...outcome, isChecked };
    isChecked ||= rule === refused;
  }
  return { ...workerRunning(input), isChecked };
}

/** True for a run that has its Job: the spec was checked before that, and cannot have changed since. */
function wasChecked({ run, job }: Input): boolean {
  if (run.status.jobName !== undefined) return true;
  return job?.ownerUid === run.metadata.uid && isJobOf(job, run);
}
