import type { Ending, RunPlan } from '../api/plan.ts';
import { GirderJob, type JobOutcome } from '../girder/job/job.ts';
import { RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { secretValue } from './pod/secrets.ts';

/**
 * Tells a run's job in Girder, if it has one, how the run ended that no worker ended. A job that has ended stays as it
 * is, and one that is being cancelled becomes CANCELED.
 * @throws RunError when Girder does not answer, or does not accept the token
 */
export async function reportEnd(
  plan: RunPlan,
  ending: Ending,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<void> {
  const { girder } = plan.spec;
  if (girder?.job === undefined) return;
  const field = 'spec.girder.job.tokenSecretRef';
  const token = (await secretValue(plan, girder.job.tokenSecretRef, field)).trim();
  const outcome: JobOutcome = { kind: ending.kind, message: ending.message };
  try {
    const job = await GirderJob.open({ apiUrl: girder.apiUrl, jobId: girder.job.id, token, signal, log });
    await job.finish(outcome);
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

/** As GirderJob.open says that there is nothing to report any more. */
function isOver(error: unknown): boolean {
  return error instanceof RunError && ['CancelledInGirder', 'InvalidSpec'].includes(error.reason);
}
