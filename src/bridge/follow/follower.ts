import { jobStatus } from '../../girder/job/job-status.ts';
import { KeyedQueue, type Next, type QueueState } from '../../runtime/queue.ts';
import { Turns } from '../../runtime/turns.ts';
import { asError } from '../../support/errors.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import { bridgeAnnotations } from '../bridge-names.ts';
import { type BridgeJob, JobInaccessible } from '../job/bridge-job.ts';
import { type FollowedRun, hasEnded, keyOf } from '../runs/followed-run.ts';
import type { OpenJob, OpenJobs } from '../runs/open-jobs.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { JobAddress } from '../translate/message-outcome.ts';
import { decideFollow, type FollowStep, type KnownJob } from './decide-follow.ts';
import type { RequestPace } from './request-pace.ts';

export type FollowerOptions = {
  /** The run as the cache has it; undefined when it was deleted. */
  readonly runAt: (key: string) => FollowedRun | undefined;
  readonly runs: RunWriter;
  readonly openJobs: OpenJobs;
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
  inOpenJobs: OpenJobState;
};

/**
 * The entry of the run among the open jobs: `kept` may be there, and is removed when the job has ended; `lacking` has to
 * be made, because an older bridge took the message or the entry was lost; `none` is not there, and not needed.
 */
type OpenJobState = 'kept' | 'lacking' | 'none';

/** A step that the follower takes for itself, beside those that are decided. */
type Step = FollowStep | { readonly kind: 'Keep' };

/** A step that is a request, or several, about the job. */
type JobStep = Extract<FollowStep, { kind: 'Look' | 'Say' | 'SayLast' | 'Advance' | 'Announce' }>;

/** So many steps are made at once; what is left then waits for its next turn. */
const maxSteps = 12;

/** In milliseconds since the creation of a run: until then, the token of one that is over may still be stored. */
const secretMs = 120_000;

/** A token that is not there is looked for again after this part of the age of the run, within these milliseconds. */
const tokenWait = { part: 0.1, least: 1_000, most: 600_000 };

const concurrency = 8;
const backoff = { firstMs: 1_000, maxMs: 60_000 };
const unknown: KnownJob = { status: undefined, lookedAt: 0, isInaccessible: false, said: new Set() };

/** Keeps the Girder jobs of the runs of the bridge right, as far as their workers cannot. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: KeyedQueue;
  /** A log can be megabytes: one is read at a time. */
  readonly #logs = new Turns();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue({ handle: (key) => this.#handle(key), concurrency, backoff });
  }

  get queue(): QueueState {
    return this.#queue;
  }

  /** Call for each run of the cache, and after each change or deletion, with its last state. */
  changed(run: FollowedRun): void {
    const key = keyOf(run);
    const isDeleted = this.#options.runAt(key)?.uid !== run.uid;
    // It may be deleted before anything is known of it.
    if (isDeleted && isOpen(run) && !this.#entries.has(key)) this.#entries.set(key, entryOf(run));
    this.#queue.add(key);
  }

  /** Ends the job of a run that was deleted while nobody looked. */
  adopt(open: OpenJob): void {
    const { openJob, now } = this.#options;
    const run = runOf(open);
    const key = keyOf(run);
    const known = this.#entries.get(key);
    const entry =
      known?.uid === open.uid
        ? known
        : { ...entryOf(run), job: openJob({ id: open.jobId, token: open.token }) };
    entry.deletedAt ??= now();
    this.#entries.set(key, entry);
    this.#queue.add(key);
  }

  /** Makes the entry of an open job that has none. */
  keep(run: FollowedRun): void {
    const key = keyOf(run);
    const entry = this.#entries.get(key) ?? entryOf(run);
    if (entry.uid !== run.uid) return;
    entry.inOpenJobs = 'lacking';
    this.#entries.set(key, entry);
    this.#queue.add(key);
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
      const step = this.#nextStep(entry);
      if (step.kind === 'Forget' && !isOver(entry)) return { kind: 'done' };
      if (step.kind === 'Forget' && entry.inOpenJobs === 'none') return this.#forget(key, entry);
      if (step.kind === 'Wait') return { kind: 'requeueAfter', milliseconds: step.ms };
      const error = await this.#take(entry, step).then(() => undefined, asError);
      if (error === undefined) continue;
      const { log, signal, now } = this.#options;
      if (!signal.aborted) log.warn({ run: key, step: step.kind, ...errorFields(error) }, 'retrying');
      if (!(error instanceof TokenMissing)) return { kind: 'retry', error };
      const { part, least, most } = tokenWait;
      const waitMs = (now() - entry.run.createdAt) * part;
      return { kind: 'requeueAfter', milliseconds: Math.min(most, Math.max(least, waitMs)) };
    }
    return { kind: 'requeueAfter', milliseconds: 1_000 };
  }

  #nextStep(entry: Entry): Step {
    if (entry.inOpenJobs === 'lacking' && isOpen(entry.run) && entry.deletedAt === undefined)
      return { kind: 'Keep' };
    return decideFollow({ ...entry, job: entry.known, now: this.#options.now() });
  }

  #forget(key: string, entry: Entry): Next {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    const run = this.#options.runAt(key);
    // Another run of this name has waited for its turn.
    return run === undefined || run.uid === entry.uid
      ? { kind: 'done' }
      : { kind: 'requeueAfter', milliseconds: 1 };
  }

  /** The entry with the latest state of the run; undefined for a run that was deleted and has no open job. */
  #entryOf(key: string): Entry | undefined {
    const run = this.#options.runAt(key);
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.uid !== run?.uid) {
      if (entry.inOpenJobs !== 'none') {
        entry.deletedAt ??= this.#options.now();
        return entry;
      }
      this.#entries.delete(key);
    }
    if (run === undefined) return undefined;
    const current = this.#entries.get(key) ?? entryOf(run);
    current.run = run;
    this.#entries.set(key, current);
    return current;
  }

  async #take(entry: Entry, step: Exclude<Step, { kind: 'Wait' }>): Promise<void> {
    const { runs, openJobs, signal } = this.#options;
    switch (step.kind) {
      case 'Forget':
        // Last: until now, another leader could find the job by it.
        await openJobs.remove(entry.uid);
        entry.inOpenJobs = 'none';
        return;
      case 'Keep':
        await this.#keepOf(entry);
        entry.inOpenJobs = 'kept';
        return;
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
      const job = (entry.job ??= await this.#open(entry));
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
      await this.#logs.take('log', () => job.say(step.lines, signal));
      return { ...known, said: new Set([...known.said, step.key]) };
    }
    if (step.kind === 'SayLast') {
      await this.#logs.take('log', () => job.sayLast(step.line, signal));
      return { ...known, said: new Set([...known.said, 'end']) };
    }
    if (step.kind === 'Look') return seen(known, await job.look(signal), askedAt);
    const status = await job.advance(known.status ?? jobStatus.inactive, step.to, signal);
    if (status === known.status)
      throw new JobInaccessible(`Girder leaves the job ${job.id} in the state ${status}`, false);
    return seen(known, status, askedAt);
  }

  /** Without a token, the next comparison of the entries tries again. */
  async #keepOf({ uid, run }: Entry): Promise<void> {
    const { runs, openJobs, signal } = this.#options;
    const { namespace, name, job } = run;
    const token = job && (await runs.secretValue(run, job.secret, signal));
    if (job !== undefined && token !== undefined)
      await openJobs.add({ uid, namespace, name, jobId: job.id, token });
  }

  /** @throws TokenMissing as long as there may be a token later */
  async #open({ run: { job, ...run }, deletedAt }: Entry): Promise<BridgeJob> {
    const { runAt, runs, openJobs, openJob, now, signal } = this.#options;
    if (job === undefined) throw new JobInaccessible('the run has no Girder job', true);
    const own = await runs.secretValue(run, job.secret, signal);
    const token = own ?? (await openJobs.tokenOf(run.uid));
    if (token !== undefined) return openJob({ id: job.id, token });
    const why = `the Secret ${run.namespace}/${job.secret.name} with the token of the Girder job is missing, or is not the run's own`;
    // Its message came again, and has made a run of this name that has the same job.
    const isReplaced = (runAt(keyOf(run))?.uid ?? run.uid) !== run.uid;
    const isLate = (deletedAt !== undefined || hasEnded(run)) && now() >= run.createdAt + secretMs;
    // It is created a moment after the run, or when the message is delivered again, however late that is.
    throw isReplaced || isLate ? new JobInaccessible(why, false) : new TokenMissing(why);
  }
}

/** The Secret with the token of a job does not exist yet, or was deleted. */
class TokenMissing extends Error {
  override readonly name = 'TokenMissing';
}

function entryOf(run: FollowedRun): Entry {
  return {
    uid: run.uid,
    run,
    deletedAt: undefined,
    job: undefined,
    known: unknown,
    inOpenJobs: isOpen(run) ? 'kept' : 'none',
  };
}

/** Whether the run has a job that has not ended as far as the bridge knows. */
function isOpen({ job, isReported }: FollowedRun): boolean {
  return job !== undefined && !isReported;
}

/** Whether nothing is left to do, whatever happens to the run. */
function isOver({ run, deletedAt }: Entry): boolean {
  return deletedAt !== undefined || run.isReported;
}

/** What is known of a run that was deleted while nobody looked: it may have had a worker, which reports its end. */
function runOf({ uid, namespace, name, jobId, createdAt }: OpenJob): FollowedRun {
  return {
    namespace,
    name,
    uid,
    taskId: '',
    createdAt,
    job: { id: jobId, secret: { name: '', key: '' } },
    notes: [],
    notBefore: undefined,
    isReported: false,
    isSuspended: false,
    isCancelled: false,
    phase: 'Running',
    reason: '',
    message: '',
    completedAt: undefined,
    attempts: 1,
  };
}

/** When the job is back before RUNNING, somebody saved an older copy of it, and its log is gone. */
function seen(known: KnownJob, status: number, at: number): KnownJob {
  const isOlder = status < jobStatus.running && (known.status ?? status) >= jobStatus.running;
  return { ...known, status, lookedAt: at, said: isOlder ? new Set() : known.said };
}
