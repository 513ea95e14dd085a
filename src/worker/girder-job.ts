import type { Ending, RunPlan } from '../api/run-plan.ts';
import { failureReasons } from '../api/reasons.ts';
import { GirderJob } from '../girder/job/reported-job.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { RunOptions } from './context.ts';
import { secretValue } from './pod/secrets.ts';
import type { RunEnvironment } from './run-environment.ts';

const tokenField = 'spec.girder.job.tokenSecretRef';

/**
 * Does the work of a run under its job in Girder, if it has one: the job shows its log, its progress and its end, and a
 * cancel there aborts the `signal` of the work. An attempt that another one may follow leaves the job RUNNING.
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
    await reportFailure(job, failure, options.environment);
    throw failure;
  }
  await job.finish({ kind: 'succeeded', message: '' });
}

/**
 * Reports the end of a run that no worker could report itself. A job that has ended stays as it is, and one that is
 * being cancelled becomes CANCELED.
 * @throws RunError when Girder does not answer, or does not accept the token
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
  const job = await GirderJob.openUnlessOver(options);
  await job?.finish({ kind: ending.kind, message: ending.message });
}

async function openJob({ environment, report, signal, log }: RunOptions): Promise<GirderJob | undefined> {
  const { girder } = environment.spec;
  if (girder?.job === undefined) return undefined;
  report.doing = 'Connecting to the job in Girder';
  const token = await environment.secretValue(girder.job.tokenSecretRef, tokenField);
  return GirderJob.open({
    apiUrl: girder.apiUrl,
    jobId: girder.job.id,
    token: token.trim(),
    signal,
    log,
  });
}

async function reportFailure(
  job: GirderJob,
  failure: RunError,
  { mayBeRetried }: RunEnvironment,
): Promise<void> {
  const { category } = failureReasons[failure.reason];
  if (category === 'cancelled' || category === 'cancelledForGood') {
    return job.finish({ kind: 'cancelled', message: failure.sentence });
  }
  const isFinal = category === 'spec' || category === 'deadline' || !mayBeRetried;
  if (isFinal) return job.finish({ kind: 'failed', message: failure.sentence });
  job.say(`${failure.sentence} The run is tried again.`);
  await job.leave();
}
