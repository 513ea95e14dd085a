import { deadline } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { parseApiUrl } from '../api-url.ts';
import { GirderClient } from '../client.ts';
import { TokenSource } from '../credentials.ts';
import {
  isCancel,
  isFinal,
  type JobState,
  jobStatus,
  nextStatus,
  type SettableStatus,
} from './job-status.ts';
import { isRefusal, JobRoute, type JobTiming } from './route.ts';

/** Which job of which Girder, and the token that is good for it alone. */
export type JobOptions = {
  readonly apiUrl: string;
  readonly jobId: string;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly log?: Logger | undefined;
  readonly timing?: Partial<JobTiming> | undefined;
};

/** A job that the run may report to, and the state it is in. */
export type OpenedJob = { readonly route: JobRoute; readonly status: number };

/** Why a job takes no report any more: it has ended, or was cancelled. */
export type JobOver = { readonly over: RunError };

/** Checks that the job exists, that the token may write to it, and that it has not ended. */
export async function openJob(options: JobOptions, timing: JobTiming): Promise<OpenedJob | JobOver> {
  const { apiUrl, jobId, token, signal, log } = options;
  const client = new GirderClient(parseApiUrl(apiUrl), new TokenSource({ token }), { log });
  const route = new JobRoute(client, jobId, timing.answer);
  const { status } = await firstLook(route, { jobId, api: client.apiUrl, signal });
  if (isCancel(status)) {
    await confirmCancel(route, status, { timing, log });
    return { over: cancelledInGirder(jobId) };
  }
  if (isFinal(status)) return { over: endedBefore(jobId, status) };
  return { route, status };
}

/** What a run ends with when its job was cancelled. */
export function cancelledInGirder(jobId: string): RunError {
  return new RunError('CancelledInGirder', `the job ${jobId} was cancelled in Girder`);
}

type Subject = { readonly jobId: string; readonly api: string; readonly signal: AbortSignal };

async function firstLook(route: JobRoute, { jobId, api, signal }: Subject): Promise<JobState> {
  try {
    return await route.putPatiently({}, signal);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    if (error.reason === 'GirderNotFound' || isRefusal(error)) {
      throw new RunError('GirderNotFound', `spec.girder.job.id: there is no job ${jobId} in Girder ${api}`);
    }
    if (error.reason !== 'GirderUnauthorized' && error.reason !== 'GirderForbidden') throw error;
    const why = `Girder ${api} does not let this token write to the job ${jobId}: it is wrong, has expired, or is another job's`;
    throw new RunError(error.reason, `spec.girder.job.tokenSecretRef: ${why}`);
  }
}

/** Nobody else will end a job that waits in CANCELING for a run that never starts. */
async function confirmCancel(
  route: JobRoute,
  from: number,
  { timing, log }: { timing: JobTiming; log: Logger | undefined },
): Promise<void> {
  try {
    await advance(route, { from, to: jobStatus.canceled }, deadline(timing.finish));
  } catch (error) {
    log?.warn({ error: describe(error) }, 'the job in Girder could not be marked as cancelled');
  }
}

function endedBefore(jobId: string, status: number): RunError {
  const how = status === jobStatus.success ? 'SUCCESS' : 'ERROR';
  const text = `spec.girder.job.id: the job ${jobId} has ended with ${how} already, and a job runs only once; make a new one`;
  return new RunError('InvalidSpec', text);
}

/**
 * Brings the job from the state we know it in to `to`, as far as Girder allows, and tells the state it has then.
 * A refusal is no failure: the job was cancelled meanwhile, or its handler has rules of its own.
 */
export async function advance(
  route: JobRoute,
  { from, to }: { readonly from: number; readonly to: SettableStatus },
  signal: AbortSignal,
): Promise<number> {
  let current = from;
  for (;;) {
    const next = nextStatus(current, to);
    if (next === undefined) return current;
    const reached = await ask(route, next, signal);
    // A job of Girder's handler for legacy workers runs only when it was queued.
    const mayQueue = reached === jobStatus.inactive && next === jobStatus.running;
    const settled = mayQueue ? await ask(route, jobStatus.queued, signal) : reached;
    if (settled === current) return current;
    current = settled;
  }
}

async function ask(
  route: JobRoute,
  status: SettableStatus | typeof jobStatus.queued,
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await route.putPatiently({ status }, signal)).status;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return (await route.putPatiently({}, signal)).status;
  }
}
