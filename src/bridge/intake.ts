import { createHash } from 'node:crypto';
import { isCancel, isFinal, jobStatus } from '../girder/job/job-status.ts';
import { TransientFailure } from '../girder/retry.ts';
import { raceAbort, sleep } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import { errorFields, type Logger } from '../support/log.ts';
import { recordSince, rootSpanOf } from '../support/trace/trace.ts';
import type { MessageResult } from './bridge-metrics.ts';
import { Holdup } from './holdup.ts';
import { type BridgeJob, JobInaccessible } from './job/bridge-job.ts';
import type { OpenJobs } from './runs/open-jobs.ts';
import { RunRefused, type RunWriter } from './runs/run-writer.ts';
import type { JobAddress, Outcome, TaskMessage } from './translate/message-outcome.ts';

/** A message, with how it is moved to another queue unchanged; rejects unless the broker has confirmed that. */
export type Delivery = { readonly message: TaskMessage; readonly forward: (queue: string) => Promise<void> };

export type IntakeOptions = {
  readonly translate: (message: TaskMessage) => Outcome;
  readonly openJob: (address: JobAddress) => BridgeJob;
  readonly runs: RunWriter;
  readonly openJobs: OpenJobs;
  /** Called with `<namespace>/<name>` of each run that was created, before the message is acknowledged. */
  readonly onCreated: (key: string) => void;
  readonly foreignQueue: string | undefined;
  readonly deadLetterQueue: string | undefined;
  readonly log: Logger;
  /** How long after a job was ended it is looked at again, in milliseconds. */
  readonly recheckMs?: number;
};

/** A job that Girder sets back is looked at again in memory; above this many, the oldest is not. */
const maxRechecks = 1_000;

/** So often a message may fail at a defect of the bridge before it is refused. */
const maxDefects = 3;
const maxRemembered = 1_000;

type Run = Extract<Outcome, { kind: 'Run' }>;
type Fields = Readonly<Record<string, unknown>>;

/**
 * Takes one message at a time to its end: a run, a refusal, or another queue. Nothing is remembered that a redelivery
 * needs, so that the process can die after each step.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #rechecks = new Set<Promise<void>>();
  readonly #defects = new Map<string, number>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Resolves when the message can be acknowledged. @throws Holdup when it has to come again */
  async take(delivery: Delivery, signal: AbortSignal): Promise<MessageResult> {
    const digest = createHash('sha256').update(delivery.message.body).digest('hex');
    const fields = { queue: delivery.message.queue, sha256: digest };
    try {
      return await this.#follow(this.#options.translate(delivery.message), delivery, { fields, signal });
    } catch (error) {
      signal.throwIfAborted();
      const holdup = asHoldup(error);
      if (holdup.obstacle !== 'defect') throw holdup;
      return this.#afterDefect(delivery, { fields, digest, error: holdup, signal });
    }
  }

  #follow(
    outcome: Outcome,
    delivery: Delivery,
    { fields, signal }: { fields: Fields; signal: AbortSignal },
  ): Promise<MessageResult> {
    switch (outcome.kind) {
      case 'Run':
        return this.#create(outcome, { ...fields, taskId: outcome.taskId }, signal);
      case 'Foreign':
        return this.#passOn(outcome, delivery, {
          fields: { ...fields, taskId: outcome.taskId, task: outcome.taskName },
          signal,
        });
      case 'BuiltIn':
        return Promise.resolve('builtIn');
      case 'Refused':
        return outcome.taskId === undefined && outcome.job === undefined
          ? this.#drop(outcome.message, delivery, fields)
          : this.#refuse(outcome, { ...fields, taskId: outcome.taskId }, signal);
    }
  }

  async #create(outcome: Run, fields: Fields, signal: AbortSignal): Promise<MessageResult> {
    const { runs, onCreated, log } = this.#options;
    const start = new Date();
    const obstacle = await this.#lookFirst(outcome, fields, signal);
    if (obstacle !== undefined) return obstacle;
    const { namespace, name } = outcome.run.metadata;
    try {
      const draft = { ...outcome, jobId: outcome.job?.id };
      const { uid, isNew } = await runs.create(draft, signal);
      if (isNew) {
        onCreated(`${namespace}/${name}`);
        recordTaken({ uid, namespace, name, taskId: outcome.taskId }, start);
      }
      await this.#keep(outcome, uid, signal);
      log.info({ ...fields, run: `${namespace}/${name}`, isNew }, 'took a task of Girder');
      return isNew ? 'created' : 'duplicate';
    } catch (error) {
      if (!(error instanceof RunRefused)) throw error;
      // It may be stored without its Secret: then it would wait for it for ever.
      await runs.cancel({ namespace, name }, signal).catch(() => undefined);
      return this.#refuse({ job: outcome.job, message: error.message }, fields, signal);
    }
  }

  /** Before the acknowledgement: from then on, nothing but this entry can find the job of a deleted run. */
  async #keep({ job, run }: Run, uid: string, signal: AbortSignal): Promise<void> {
    const { namespace, name } = run.metadata;
    if (job === undefined) return;
    const entry = { uid, namespace, name, jobId: job.id, token: job.token };
    await raceAbort(this.#options.openJobs.add(entry), signal);
  }

  /** The result of a message whose job needs no run any more; undefined if it needs one. */
  async #lookFirst(
    { job: address, run }: Run,
    fields: Fields,
    signal: AbortSignal,
  ): Promise<MessageResult | undefined> {
    if (address === undefined) return undefined;
    const { openJob, runs, log } = this.#options;
    const job = openJob(address);
    try {
      const status = await job.look(signal);
      if (status === jobStatus.canceling) await job.advance(status, jobStatus.canceled, signal);
      // A delivery before this one may have made the run, and died before its Secret: nobody else can cancel it.
      if (isCancel(status)) await runs.cancelMade({ run, jobId: address.id }, signal);
      if (isCancel(status) || isFinal(status)) return 'cancelled';
      return undefined;
    } catch (error) {
      if (!(error instanceof JobInaccessible)) throw error;
      log.warn({ ...fields, error: error.message }, 'cannot report to the Girder job of a task');
      // A token that has expired keeps nobody from the result; the run fails with the reason if it needs the token.
      return error.isGone ? 'jobGone' : undefined;
    }
  }

  async #refuse(
    { job: address, message }: { readonly job: JobAddress | undefined; readonly message: string },
    fields: Fields,
    signal: AbortSignal,
  ): Promise<MessageResult> {
    this.#options.log.warn({ ...fields, reason: message }, 'refused a task of Girder');
    if (address === undefined) return 'refused';
    const job = this.#options.openJob(address);
    try {
      await endJob(job, message, signal);
      this.#recheck(job, message, signal);
    } catch (error) {
      if (!(error instanceof JobInaccessible)) throw error;
      this.#options.log.warn({ ...fields, error: error.message }, 'cannot end the Girder job of a task');
      return error.isGone ? 'jobGone' : 'refused';
    }
    return 'refused';
  }

  async #passOn(
    { job, taskName }: Extract<Outcome, { kind: 'Foreign' }>,
    { message, forward }: Delivery,
    { fields, signal }: { fields: Fields; signal: AbortSignal },
  ): Promise<MessageResult> {
    const { foreignQueue, log } = this.#options;
    if (foreignQueue === undefined) {
      const why = `DockerRun took the task ${taskName.slice(0, 200)} from the queue ${message.queue}, and runs only docker_run and the CLIs of slicer_cli_web. Ask the administrator to start a Girder Worker for other tasks and to name its queue in bridge.foreignQueue.`;
      await this.#refuse({ job, message: why }, fields, signal);
      return 'foreign';
    }
    await forward(foreignQueue);
    log.info({ ...fields, to: foreignQueue }, 'forwarded a task of Girder');
    return 'forwarded';
  }

  async #drop(why: string, { forward }: Delivery, fields: Fields): Promise<MessageResult> {
    const { deadLetterQueue, log } = this.#options;
    if (deadLetterQueue !== undefined) await forward(deadLetterQueue);
    log.error({ ...fields, reason: why, to: deadLetterQueue }, 'a message is not a task of Girder');
    return 'unreadable';
  }

  /** A message that a defect keeps from its end must not come again for ever: its queue would stand still. */
  async #afterDefect(
    delivery: Delivery,
    failed: { fields: Fields; digest: string; error: Holdup; signal: AbortSignal },
  ): Promise<MessageResult> {
    const { fields, digest, error, signal } = failed;
    const defects = (this.#defects.get(digest) ?? 0) + 1;
    this.#options.log.error({ ...fields, defects, ...errorFields(error.cause) }, 'defect in the bridge');
    this.#defects.delete(digest);
    this.#defects.set(digest, defects);
    const [oldest] = this.#defects.keys();
    if (this.#defects.size > maxRemembered && oldest !== undefined) this.#defects.delete(oldest);
    if (defects < maxDefects) throw error;
    const message = `DockerRun failed at this task ${defects} times: ${describe(error.cause)}. Its log has more.`;
    const job = jobIn(() => this.#options.translate(delivery.message));
    if (job === undefined) return this.#drop(message, delivery, fields);
    return this.#refuse({ job, message }, fields, signal).catch((refusal: unknown) => {
      throw asHoldup(refusal);
    });
  }

  /** slicer_cli_web saves the job after publishing, and with that sets it back to what it was before. */
  #recheck(job: BridgeJob, message: string, signal: AbortSignal): void {
    if (this.#rechecks.size >= maxRechecks) return;
    const { recheckMs = 5_000, log } = this.#options;
    const recheck = sleep(recheckMs, signal)
      .then(() => endJob(job, message, signal))
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn(errorFields(error), 'cannot look at an ended Girder job again');
      })
      .finally(() => this.#rechecks.delete(recheck));
    this.#rechecks.add(recheck);
  }
}

/** The first span in the trace of a run: from the delivery of its message to its creation. */
function recordTaken(
  run: { uid: string; namespace: string; name: string; taskId: string },
  start: Date,
): void {
  const attributes = {
    'dockerrun.run.name': run.name,
    'dockerrun.run.uid': run.uid,
    'k8s.namespace.name': run.namespace,
    'dockerrun.task.id': run.taskId,
  };
  recordSince('take task', attributes, start, rootSpanOf(run.uid));
}

/** Brings the job to ERROR, with the message as the last line of its log; one that has ended stays as it is. */
async function endJob(job: BridgeJob, message: string, signal: AbortSignal): Promise<void> {
  const status = await job.look(signal);
  if (isFinal(status)) return;
  if (status === jobStatus.canceling) {
    await job.advance(status, jobStatus.canceled, signal);
    return;
  }
  await job.sayLast(message, signal);
  await job.advance(status, jobStatus.error, signal);
}

function jobIn(translate: () => Outcome): JobAddress | undefined {
  try {
    const outcome = translate();
    return outcome.kind === 'BuiltIn' ? undefined : outcome.job;
  } catch {
    return undefined;
  }
}

/** A failure of Girder passes; anything that is not classified is a defect. */
function asHoldup(error: unknown): Holdup {
  if (error instanceof Holdup) return error;
  const isOfGirder =
    error instanceof TransientFailure || (error instanceof RunError && error.reason === 'GirderUnavailable');
  const isLate = error instanceof DOMException && error.name === 'TimeoutError';
  if (isOfGirder || isLate) return new Holdup('girder', describe(error), { cause: error });
  return new Holdup('defect', describe(error), { cause: error });
}
