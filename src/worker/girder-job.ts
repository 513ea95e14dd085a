import type { Ending, RunPlan } from '../api/run-plan.ts';
import { failureReasons } from '../api/reasons.ts';
import { GirderJob } from '../girder/job/reported-job.ts';
import type { TokenState } from '../girder/documents.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { RunOptions } from './context.ts';
import { secretValue } from './pod/secrets.ts';
import { Preparation } from './preparation.ts';
import type { RunEnvironment } from './run-environment.ts';
import { tokenEnd } from './stage/prepare.ts';

const tokenField = 'spec.girder.job.tokenSecretRef';

/**
 * Runs `work` and shows its log, progress and end in the run's Girder job, if the run has one. A cancel in
 * Girder aborts the `signal` of the work; a failure that may be retried leaves the job RUNNING.
 */
export async function withGirderJob(
  options: RunOptions,
  work: (girderJob: GirderJob | undefined, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const job = await openJob(options);
  if (job === undefined) return work(undefined, options.signal);
  try {
    await job.start();
    await work(job, AbortSignal.any([options.signal, job.cancelled]));
  } catch (error) {
    const failure = toRunError(job.cancelled.aborted ? job.cancelled.reason : error);
    await reportFailure(job, failure, options);
    throw failure;
  }
  await job.finish({ kind: 'succeeded', message: '' });
}

/**
 * Reports the end of a run whose worker could not. A job that has already ended is left as it is; one that is
 * being cancelled becomes CANCELED.
 * @throws RunError when Girder does not answer or refuses the token
 */
export async function reportEnd(
  plan: RunPlan,
  ending: Ending,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<void> {
  const { girder } = plan.spec;
  if (girder?.job === undefined) return;
  const token = (await secretValue(plan, girder.job.tokenSecretRef, tokenField)).trim();
  const options = { apiUrl: girder.apiUrl, jobId: girder.job.id, token, signal, log };
  const job = await GirderJob.openUnlessEnded(options);
  await job?.finish({ kind: ending.kind, message: ending.message });
}

async function openJob({ environment, report, signal, log }: RunOptions): Promise<GirderJob | undefined> {
  const { girder } = environment.spec;
  if (girder?.job === undefined) return undefined;
  report.doing = 'Connecting to the job in Girder';
  const { id: jobId, tokenSecretRef } = girder.job;
  const token = async () => (await environment.secretValue(tokenSecretRef, tokenField)).trim();
  const onToken = ({ expires }: TokenState) => warnOfEnd(environment, expires, log);
  const { girderRenewalMs: renewalMs } = environment;
  const onWait = (why: string | undefined) => {
    report.girderProblem = why;
  };
  using preparation = new Preparation({ environment, report, signal });
  return await preparation.run((bounded) => {
    const options = { apiUrl: girder.apiUrl, jobId, token, renewalMs, onToken, onWait, log };
    // The start deadline ends the wait.
    return GirderJob.open({ ...options, patienceMs: Infinity, signal: bounded });
  });
}

/** A run of unknown length may well end within a day. */
const soonMs = 86_400_000;

/** Only warns: a job without reports costs no result. */
function warnOfEnd({ spec }: RunEnvironment, expires: number | undefined, log: Logger): void {
  if (expires === undefined) return;
  const now = Date.now();
  const { failure } = tokenEnd(spec, expires, now);
  if (failure === undefined && expires > now + soonMs) return;
  const text =
    'the token of the Girder job may end before the run; renew it in its Secret, or the job stays RUNNING';
  log.warn({ expires: new Date(expires).toISOString() }, text);
}

async function reportFailure(
  job: GirderJob,
  failure: RunError,
  { environment, signal }: RunOptions,
): Promise<void> {
  const { mayBeRetried } = environment;
  const { category } = failureReasons[failure.reason];
  const isStopped = category === 'cancelled' && signal.aborted;
  if (isStopped && (await environment.willBeReplaced?.()) === true) {
    job.addLogLine(`${failure.sentence} The run continues in another pod.`);
    return job.detach();
  }
  if (category === 'cancelled' || category === 'cancelledForGood') {
    return job.finish({ kind: 'cancelled', message: failure.sentence });
  }
  const isFinal = category === 'spec' || category === 'deadline' || !mayBeRetried;
  if (isFinal) return job.finish({ kind: 'failed', message: failure.sentence });
  job.addLogLine(`${failure.sentence} The run will be retried.`);
  await job.detach();
}
