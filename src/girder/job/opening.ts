import { deadline } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { parseApiUrl } from '../api-url.ts';
import { GirderClient } from '../client.ts';
import { type Issue, TokenSource } from '../credentials.ts';
import type { TokenState } from '../documents.ts';
import {
  isCancel,
  isFinal,
  type JobState,
  jobStatus,
  nextStatus,
  type SettableStatus,
} from './job-status.ts';
import { isRefusal, JobRoute, type JobTiming } from './route.ts';

/** `token` gives access to this job only; a function reads it again whenever Girder rejects the old one. */
export type JobOptions = {
  readonly apiUrl: string;
  readonly jobId: string;
  readonly token: string | (() => Promise<string>);
  /** How long a new token may take to arrive after a rejection, in milliseconds; while it may, reports are retried. */
  readonly renewalMs?: number | undefined;
  /** Called once with what Girder knows of the token. */
  readonly onToken?: ((token: TokenState) => void) | undefined;
  readonly signal: AbortSignal;
  readonly log?: Logger | undefined;
  readonly timing?: Partial<JobTiming> | undefined;
  /** How long a Girder that is away is waited for when the job is opened, in milliseconds. */
  readonly patienceMs?: number | undefined;
  /** Called with why the opening waits, and with undefined when it does not any more. */
  readonly onWait?: ((why: string | undefined) => void) | undefined;
};

/** A job that accepts reports, with its current state. */
export type OpenedJob = { readonly route: JobRoute; readonly status: number };

/** Why a job accepts no reports: it has ended, or was cancelled. */
export type JobEnded = { readonly ended: RunError };

/** Checks that the job exists, that the token may write to it, and that it has not ended. */
export async function openJob(options: JobOptions, timing: JobTiming): Promise<OpenedJob | JobEnded> {
  const { apiUrl, jobId, token, signal, log, renewalMs, patienceMs, onWait } = options;
  const tokens = new TokenSource(typeof token === 'string' ? { token } : { issue: issuer(token) });
  // A token that is wrong from the start must fail at once.
  const client = new GirderClient(parseApiUrl(apiUrl), tokens, { log, patienceMs, onWait });
  const route = new JobRoute(client, jobId, timing.answer);
  const { status } = await checkAccess(route, { jobId, api: client.apiUrl, signal });
  if (isCancel(status)) {
    await confirmCancel(route, status, { timing, log });
    return { ended: cancelledInGirder(jobId) };
  }
  if (isFinal(status)) return { ended: alreadyEnded(jobId, status) };
  const state = options.onToken === undefined ? undefined : await client.tokenState(signal);
  if (state !== undefined) options.onToken?.(state);
  // What the reports of the run wait for must not be taken for what its data waits for.
  const reports = new GirderClient(parseApiUrl(apiUrl), tokens, { log, renewalMs });
  return { route: new JobRoute(reports, jobId, timing.answer), status };
}

function issuer(read: () => Promise<string>): Issue {
  return async (rejected) => {
    const token = await read();
    return token === rejected ? undefined : { token, isOwn: false };
  };
}

/** The error with which a run ends when its job was cancelled. */
export function cancelledInGirder(jobId: string): RunError {
  return new RunError('CancelledInGirder', `the job ${jobId} was cancelled in Girder`);
}

type Subject = { readonly jobId: string; readonly api: string; readonly signal: AbortSignal };

async function checkAccess(route: JobRoute, { jobId, api, signal }: Subject): Promise<JobState> {
  try {
    return await route.putWithRetries({}, signal);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    if (error.reason === 'GirderNotFound' || isRefusal(error)) {
      throw new RunError('GirderNotFound', `spec.girder.job.id: there is no job ${jobId} in Girder ${api}`);
    }
    if (error.reason !== 'GirderUnauthorized' && error.reason !== 'GirderForbidden') throw error;
    const why = `the token has no write access to job ${jobId} in Girder ${api}: it is wrong, has expired, or belongs to another job`;
    throw new RunError(error.reason, `spec.girder.job.tokenSecretRef: ${why}`);
  }
}

/** Ends a job in CANCELING, in which it would stay for ever because its run never starts. */
async function confirmCancel(
  route: JobRoute,
  from: number,
  { timing, log }: { timing: JobTiming; log: Logger | undefined },
): Promise<void> {
  try {
    await advance(route, { from, to: jobStatus.canceled }, deadline(timing.finish));
  } catch (error) {
    log?.warn({ error: describe(error) }, 'cannot mark the Girder job as cancelled');
  }
}

function alreadyEnded(jobId: string, status: number): RunError {
  const how = status === jobStatus.success ? 'SUCCESS' : 'ERROR';
  const text = `spec.girder.job.id: the job ${jobId} has already ended with ${how}, and a job runs only once; create a new job`;
  return new RunError('InvalidSpec', text);
}

/**
 * Brings the job from the state `from` to `to`, as far as Girder allows, and returns its state after that. A
 * refusal is not an error: the job was cancelled meanwhile, or its handler has its own rules.
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
    const reached = await requestStatus(route, next, signal);
    // A job of Girder's handler for legacy workers can run only after it was queued.
    const mayQueue = reached === jobStatus.inactive && next === jobStatus.running;
    const settled = mayQueue ? await requestStatus(route, jobStatus.queued, signal) : reached;
    if (settled === current) return current;
    current = settled;
  }
}

async function requestStatus(
  route: JobRoute,
  status: SettableStatus | typeof jobStatus.queued,
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await route.putWithRetries({ status }, signal)).status;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return (await route.putWithRetries({}, signal)).status;
  }
}
