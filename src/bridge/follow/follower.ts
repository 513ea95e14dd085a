import { jobStatus } from '../../girder/job/job-status.ts';
import { KeyedQueue, type Next, type QueueState } from '../../runtime/queue.ts';

import { asError } from '../../support/errors.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import { bridgeAnnotations } from '../bridge-names.ts';
import { type BridgeJob, JobInaccessible } from '../job/bridge-job.ts';
import { type FollowedRun, keyOf } from '../runs/followed-run.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { JobAddress } from '../translate/message-outcome.ts';
import { decideFollow, type FollowStep, type KnownJob } from './decide-follow.ts';
import type { JobMemory } from './job-memory.ts';
import type { RequestPace } from './request-pace.ts';

export type FollowerOptions = {
  /** The run as the cache has it; undefined when it was deleted. */
  readonly runAt: (key: string) => FollowedRun | undefined;
  readonly runs: RunWriter;
  readonly memory: JobMemory;
  /** Girder's address is the operator's: that of a message or a run could be anybody's. */
  readonly openJob: (address: Omit<JobAddress, 'apiUrl'>) => BridgeJob;
  readonly pace: RequestPace;
  /** The time of the API server, in milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly log: Logger;
};

/** What is remembered of a run while this replica leads. */
type Entry = {
  readonly uid: string;
  run: FollowedRun;
  deletedAt: number | undefined;
  job: BridgeJob | undefined;
  known: KnownJob;
};

/** A step that is a request, or several, about the job. */
type JobStep = Extract<FollowStep, { kind: 'Look' | 'Say' | 'Advance' | 'Announce' }>;

/** So many steps are made at once; what is left then waits for its next turn. */
const maxSteps = 12;

/** In milliseconds: a Secret without which the run cannot start either. */
const secretMs = 120_000;

const concurrency = 8;
const backoff = { firstMs: 1_000, maxMs: 60_000 };
const unknown: KnownJob = { status: undefined, lookedAt: 0, isInaccessible: false, said: new Set() };

/** Keeps the Girder jobs of the runs of the bridge right, as far as their workers cannot. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: KeyedQueue;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue({ handle: (key) => this.#handle(key), concurrency, backoff });
  }

  get queue(): QueueState {
    return this.#queue;
  }

  /** Call for each run of the cache, and after each change or deletion. */
  changed(key: string): void {
    this.#queue.add(key);
  }

  /** Ends the jobs of the runs that were deleted while no replica led. */
  takeDeleted(): void {
    const { memory, openJob } = this.#options;
    for (const { run, token, deletedAt } of memory.deleted()) {
      const job = run.job && openJob({ id: run.job.id, token });
      this.#entries.set(keyOf(run), { uid: run.uid, run, deletedAt, job, known: unknown });
      this.#queue.add(keyOf(run));
    }
  }

  /** Looks at the job of a run at once; for a broadcast, which may be wrong. */
  lookAt(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.known = { ...entry.known, lookedAt: 0 };
    this.#queue.add(key);
  }

  async stop(): Promise<void> {
    await this.#queue.stop(5_000);
  }

  async #handle(key: string): Promise<Next> {
    const entry = this.#entryOf(key);
    if (entry === undefined) return { kind: 'done' };
    for (let steps = 0; steps < maxSteps; steps += 1) {
      const step = decideFollow({ ...entry, job: entry.known, now: this.#options.now() });
      if (step.kind === 'Forget') {
        if (entry.deletedAt !== undefined || entry.run.isReported) this.#entries.delete(key);
        return { kind: 'done' };
      }
      if (step.kind === 'Wait') return { kind: 'requeueAfter', milliseconds: step.ms };
      const error = await this.#take(entry, step).then(() => undefined, asError);
      if (error === undefined) continue;
      const { log, signal } = this.#options;
      if (!signal.aborted) log.warn({ run: key, step: step.kind, ...errorFields(error) }, 'retrying');
      return { kind: 'retry', error };
    }
    return { kind: 'requeueAfter', milliseconds: 1_000 };
  }

  /** The entry with the latest state of the run; undefined for a run that was deleted before anything was known. */
  #entryOf(key: string): Entry | undefined {
    const run = this.#options.runAt(key);
    const entry = this.#entries.get(key);
    if (run === undefined || (entry !== undefined && entry.uid !== run.uid)) {
      if (entry?.job !== undefined) {
        entry.deletedAt ??= this.#options.now();
        return entry;
      }
      this.#entries.delete(key);
      if (run === undefined) return undefined;
    }
    const current = this.#entries.get(key) ?? {
      uid: run.uid,
      run,
      deletedAt: undefined,
      job: undefined,
      known: unknown,
    };
    current.run = run;
    this.#entries.set(key, current);
    return current;
  }

  async #take(entry: Entry, step: Exclude<FollowStep, { kind: 'Forget' | 'Wait' }>): Promise<void> {
    const { runs, signal } = this.#options;
    switch (step.kind) {
      case 'CancelRun':
        await runs.cancel(entry.run, signal);
        entry.run = { ...entry.run, isCancelled: true };
        this.#options.log.info({ run: keyOf(entry.run) }, 'cancelled in Girder');
        return;
      case 'Resume': {
        const annotations = { [bridgeAnnotations.notBefore]: null };
        await runs.patch(entry.run, { metadata: { annotations }, spec: { suspend: false } }, signal);
        entry.run = { ...entry.run, isSuspended: false, notBefore: undefined };
        return;
      }
      case 'MarkReported': {
        const annotations = { [bridgeAnnotations.reported]: 'true' };
        await runs.patch(entry.run, { metadata: { annotations } }, signal);
        entry.run = { ...entry.run, isReported: true };
        return;
      }
      default:
        await this.#report(entry, step);
    }
  }

  async #report(entry: Entry, step: JobStep) {
    const { pace, signal, log } = this.#options;
    try {
      await pace.turn(signal);
      const job = (entry.job ??= await this.#open(entry.run));
      entry.known = await this.#send(job, entry.known, step);
    } catch (error) {
      signal.throwIfAborted();
      // Girder may have done what it did not answer.
      if (step.kind === 'Announce') entry.known = { ...entry.known, status: undefined };
      if (!(error instanceof JobInaccessible)) throw error;
      log.warn({ run: keyOf(entry.run), ...errorFields(error) }, 'cannot report to a Girder job');
      entry.known = { ...entry.known, isInaccessible: true };
    }
  }

  async #send(job: BridgeJob, known: KnownJob, step: JobStep): Promise<KnownJob> {
    const { signal, now } = this.#options;
    const askedAt = now();
    if (step.kind === 'Announce') {
      const status = await job.announce(step.lines, known.status ?? jobStatus.inactive, signal);
      return { ...seen(known, status, askedAt), said: new Set([...known.said, 'start']) };
    }
    if (step.kind === 'Say') {
      await job.say(step.line, signal);
      return { ...known, said: new Set([...known.said, step.key]) };
    }
    if (step.kind === 'Look') return seen(known, await job.look(signal), askedAt);
    const status = await job.advance(known.status ?? jobStatus.inactive, step.to, signal);
    if (status === known.status)
      throw new JobInaccessible(`Girder leaves the job ${job.id} in the state ${status}`, false);
    return seen(known, status, askedAt);
  }

  async #open({ job, ...run }: FollowedRun): Promise<BridgeJob> {
    const { memory, openJob, now } = this.#options;
    if (job === undefined) throw new JobInaccessible('the run has no Girder job', true);
    const token = await memory.tokenOf({ ...run, job });
    if (token !== undefined) return openJob({ id: job.id, token });
    const why = `the Secret ${run.namespace}/${job.secret.name} with the token of the Girder job is missing, or is not the run's own`;
    // It is created a moment after the run, or when the message is delivered again.
    if (now() < run.createdAt + secretMs) throw new Error(why);
    throw new JobInaccessible(why, false);
  }
}

/** When the job is back before RUNNING, somebody saved an older copy of it, and its log is gone. */
function seen(known: KnownJob, status: number, at: number): KnownJob {
  const isOlder = status < jobStatus.running && (known.status ?? status) >= jobStatus.running;
  return { ...known, status, lookedAt: at, said: isOlder ? new Set() : known.said };
}
