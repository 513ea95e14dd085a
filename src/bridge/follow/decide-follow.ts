import { isCancel, isFinal, jobStatus, type SettableStatus } from '../../girder/job/job-status.ts';
import { type FollowedRun, hasEnded, hasWorker, keyOf } from '../runs/followed-run.ts';

/** What the Girder job of a run must hear next, decided without I/O. Times are in milliseconds since 1970. */

/** What this replica knows of the job of a run; it is lost with the process, and looked up again. */
export type KnownJob = {
  /** Undefined before the first look. */
  readonly status: number | undefined;
  readonly lookedAt: number;
  /** The job, its token or the Secret with it is gone: nothing can be reported. */
  readonly isInaccessible: boolean;
  /** The keys of the lines that are in its log, as far as this replica has seen that. */
  readonly said: ReadonlySet<string>;
};

export type FollowStep =
  /** Look at the job. */
  | { readonly kind: 'Look' }
  /** Lines for the log, unless another leader has written them. */
  | { readonly kind: 'Say'; readonly key: string; readonly lines: string }
  /** The last line of the log, whatever was written before. */
  | { readonly kind: 'SayLast'; readonly line: string }
  | { readonly kind: 'Advance'; readonly to: SettableStatus }
  /** RUNNING, together with the first lines of the log. */
  | { readonly kind: 'Announce'; readonly lines: string }
  /** The job was cancelled in Girder. */
  | { readonly kind: 'CancelRun' }
  /** Celery's `eta` has come. */
  | { readonly kind: 'Resume' }
  | { readonly kind: 'MarkReported' }
  | { readonly kind: 'Wait'; readonly ms: number }
  /** Nothing is left to do, unless the run changes. */
  | { readonly kind: 'Forget' };

export type FollowInput = {
  readonly run: FollowedRun;
  readonly job: KnownJob;
  /** When the run was deleted, if it was. */
  readonly deletedAt: number | undefined;
  readonly now: number;
};

type Rule = (input: FollowInput) => FollowStep | undefined;

/** A cancel of a run without a worker is seen within this time, unless too many runs wait. */
export const lookEveryMs = 5_000;

/** Without a wait for it, the first look would usually come before the token, and be repeated after a backoff. */
export const secretAfterMs = 1_000;

/** slicer_cli_web saves the job after publishing, and with that sets it back: a status before that is looked at again. */
export const settlingMs = 10_000;

/** How long the worker, or the cleanup of a lost one, has to report the end itself. */
export const workerReportMs = 15_000;

/** A run that starts at once needs no line about what it waits for. */
export const patienceMs = 10_000;

/** Lines about what a run waits for; a message that changes without end must not fill the log. */
export const maxWaitingLines = 12;

const idleMs = 60_000;

/** The first rule that returns a step decides. */
const rules: readonly Rule[] = [
  withoutJob,
  inaccessible,
  reported,
  firstLook,
  deleted,
  announcedLate,
  ended,
  cancelledInGirder,
  endedByOthers,
  due,
  announced,
  waiting,
  settled,
  watched,
];

/** Total: every input has a step. */
export function decideFollow(input: FollowInput): FollowStep {
  for (const rule of rules) {
    const step = rule(input);
    if (step !== undefined) return step;
  }
  return { kind: 'Wait', ms: idleMs };
}

function withoutJob(input: FollowInput): FollowStep | undefined {
  if (input.run.job !== undefined) return undefined;
  return resumption(input) ?? { kind: 'Forget' };
}

function inaccessible(input: FollowInput): FollowStep | undefined {
  const { run, job, deletedAt } = input;
  if (!job.isInaccessible) return undefined;
  if (deletedAt !== undefined || run.isReported) return { kind: 'Forget' };
  if (hasEnded(run)) return { kind: 'MarkReported' };
  return resumption(input) ?? { kind: 'Forget' };
}

function reported({ run }: FollowInput): FollowStep | undefined {
  return run.isReported ? { kind: 'Forget' } : undefined;
}

/** The Secret with the token is created right after the run, whose time has whole seconds. */
function firstLook({ run, job, deletedAt, now }: FollowInput): FollowStep | undefined {
  if (job.status !== undefined) return undefined;
  const readyAt = run.createdAt + secretAfterMs;
  return now < readyAt && deletedAt === undefined ? { kind: 'Wait', ms: readyAt - now } : { kind: 'Look' };
}

/** With kubectl, by its time to live, with its namespace: its Secret is gone, and the token only among the open jobs. */
function deleted(input: FollowInput): FollowStep | undefined {
  const { run, job, deletedAt, now } = input;
  if (deletedAt === undefined) return undefined;
  if (isFinal(job.status ?? 0)) return { kind: 'Forget' };
  const readyAt = deletedAt + (hasWorker(run) ? workerReportMs : 0);
  if (now < readyAt) return { kind: 'Wait', ms: readyAt - now };
  if (job.lookedAt < readyAt) return { kind: 'Look' };
  return reportEnd(input, {
    to: jobStatus.canceled,
    line: `The DockerRun ${keyOf(run)} was deleted.`,
  });
}

/** The worker reports the end itself; only what it could not report is reported here. */
function ended(input: FollowInput): FollowStep | undefined {
  const { run, job, now } = input;
  if (!hasEnded(run)) return undefined;
  const settledAt = run.createdAt + settlingMs;
  const reportedAt = (run.completedAt ?? run.createdAt) + (run.attempts > 0 ? workerReportMs : 0);
  if (isFinal(job.status ?? 0)) {
    if (job.lookedAt >= settledAt) return { kind: 'MarkReported' };
    return now < settledAt ? { kind: 'Wait', ms: settledAt - now } : { kind: 'Look' };
  }
  if (now < reportedAt) return { kind: 'Wait', ms: reportedAt - now };
  if (job.lookedAt < reportedAt) return { kind: 'Look' };
  return reportEnd(input, {
    to: endOf(run.phase),
    line: run.message || `The DockerRun ended: ${run.phase}.`,
  });
}

function endOf(phase: string): SettableStatus {
  if (phase === 'Succeeded') return jobStatus.success;
  return phase === 'Failed' ? jobStatus.error : jobStatus.canceled;
}

/** The log before the status: slicer_cli_web reads its answer from the log as soon as the job has ended. */
function reportEnd(
  { job }: FollowInput,
  { to, line }: { readonly to: SettableStatus; readonly line: string },
): FollowStep {
  if (!job.said.has('end') && !isCancel(job.status ?? 0)) return { kind: 'SayLast', line };
  return { kind: 'Advance', to };
}

function cancelledInGirder({ run, job }: FollowInput): FollowStep | undefined {
  if (!isCancel(job.status ?? 0)) return undefined;
  return run.isCancelled ? { kind: 'Wait', ms: idleMs } : { kind: 'CancelRun' };
}

/** The worker has reported the end, and the controller has not seen it yet. */
function endedByOthers({ job }: FollowInput): FollowStep | undefined {
  return isFinal(job.status ?? 0) ? { kind: 'Wait', ms: idleMs } : undefined;
}

function due(input: FollowInput): FollowStep | undefined {
  return resumption(input);
}

function resumption({ run, now }: FollowInput): FollowStep | undefined {
  if (run.notBefore === undefined || !run.isSuspended || run.isCancelled) return undefined;
  return run.notBefore <= now ? { kind: 'Resume' } : undefined;
}

/** A batch of slicer_cli_web sends its next task only when this one has left INACTIVE and QUEUED. */
function announced({ run, job, now }: FollowInput): FollowStep | undefined {
  const status = job.status ?? jobStatus.inactive;
  if (status !== jobStatus.inactive && status !== jobStatus.queued) return undefined;
  if (job.said.has('start')) return { kind: 'Advance', to: jobStatus.running };
  return { kind: 'Announce', lines: firstLines(run, now) };
}

/**
 * A worker that begins within a second is faster than the first look: its job is RUNNING, and may have ended, without
 * the first lines. So it may be with another leader's job, whose log is the only one that knows: without a worker, only
 * the lines themselves make a job RUNNING.
 */
function announcedLate({ run, job, now }: FollowInput): FollowStep | undefined {
  const status = job.status ?? jobStatus.inactive;
  if (job.said.has('start') || isCancel(status)) return undefined;
  const hadWorker = run.attempts > 0 || hasWorker(run);
  if (!hadWorker || status === jobStatus.inactive || status === jobStatus.queued) return undefined;
  return { kind: 'Say', key: 'start', lines: firstLines(run, now) };
}

/** Where the task runs, and what the user should know about it. */
function firstLines(run: FollowedRun, now: number): string {
  const isLater = run.notBefore !== undefined && run.notBefore > now;
  const lines = [`Runs on Kubernetes as the DockerRun ${keyOf(run)}.`, ...run.notes];
  if (isLater) lines.push(`It starts at ${new Date(run.notBefore).toISOString()}, as the task asks (eta).`);
  return lines.join('\n');
}

/** Why no worker has started, each reason once. */
function waiting({ run, job, now }: FollowInput): FollowStep | undefined {
  if (hasWorker(run) || run.message === '' || now < run.createdAt + patienceMs) return undefined;
  // A run that waits for its time has said so.
  if (run.notBefore !== undefined && run.notBefore > now) return undefined;
  const key = waitingKey(run);
  if (job.said.has(key) || job.said.size > maxWaitingLines) return undefined;
  return { kind: 'Say', key, lines: `${run.reason || 'Waiting'}: ${run.message}` };
}

/** Numbers change all the time: 3 of 5 nodes, tried 7 times. */
function waitingKey({ reason, message }: FollowedRun): string {
  return `${reason}: ${message.replaceAll(/\d+/g, '0').slice(0, 200)}`;
}

/** With a worker, one more look once slicer_cli_web has saved the job. */
function settled({ run, job, now }: FollowInput): FollowStep | undefined {
  if (!hasWorker(run)) return undefined;
  const settledAt = run.createdAt + settlingMs;
  if (job.lookedAt >= settledAt) return { kind: 'Forget' };
  return now < settledAt ? { kind: 'Wait', ms: settledAt - now } : { kind: 'Look' };
}

/** Without a worker, nobody else sees a cancel. */
function watched({ run, job, now }: FollowInput): FollowStep | undefined {
  const lookAt = job.lookedAt + lookEveryMs;
  if (now >= lookAt) return { kind: 'Look' };
  const dueAt = run.isSuspended ? (run.notBefore ?? Infinity) : Infinity;
  const linesAt = run.createdAt + patienceMs;
  const next = [lookAt, dueAt, linesAt > now ? linesAt : Infinity];
  return { kind: 'Wait', ms: Math.max(1, Math.min(...next) - now) };
}
