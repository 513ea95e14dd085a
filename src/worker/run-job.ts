import { failureReasons } from '../api/reasons.ts';
import { GirderJob } from '../girder/job/job.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import type { RunSupport } from './run-support.ts';
import type { RunEnvironment } from './run-environment.ts';

/**
 * Does the work of a run under its job in Girder, if it has one: the job shows its log, its progress and its end, and a
 * cancel there ends it. An attempt that will be tried again leaves the job RUNNING.
 */
export async function underJob(
  environment: RunEnvironment,
  support: RunSupport,
  work: (support: RunSupport) => Promise<void>,
): Promise<void> {
  const job = await openJob(environment, support);
  if (job === undefined) return work(support);
  try {
    await job.start();
    await work({
      ...support,
      job,
      signal: AbortSignal.any([support.signal, job.cancelled]),
    });
  } catch (error) {
    const failure = toRunError(job.cancelled.aborted ? job.cancelled.reason : error);
    await reportFailure(job, failure, environment);
    throw failure;
  }
  await job.finish({ kind: 'succeeded', message: '' });
}

async function openJob(
  { spec, secretValue }: RunEnvironment,
  { report, signal, log }: RunSupport,
): Promise<GirderJob | undefined> {
  if (spec.girder?.job === undefined) return undefined;
  report.doing = 'Connecting to the job in Girder';
  const { apiUrl, job } = spec.girder;
  const token = await secretValue(job.tokenSecretRef, 'spec.girder.job.tokenSecretRef');
  return GirderJob.open({ apiUrl, jobId: job.id, token: token.trim(), signal, log });
}

async function reportFailure(
  job: GirderJob,
  failure: RunError,
  { mayBeRetried }: RunEnvironment,
): Promise<void> {
  const { blame } = failureReasons[failure.reason];
  if (blame === 'cancelled' || blame === 'cancelledForGood') {
    return job.finish({ kind: 'cancelled', message: failure.sentence });
  }
  const isFinal = blame === 'spec' || blame === 'deadline' || !mayBeRetried;
  if (isFinal) return job.finish({ kind: 'failed', message: failure.sentence });
  job.say(`${failure.sentence} The run is tried again.`);
  await job.leave();
}
