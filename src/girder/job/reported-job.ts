import type { Writable } from 'node:stream';
import { deadline, raceAbort } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { JobLog, JobSink } from './job-log.ts';
import {
  advance,
  cancelledInGirder,
  type JobOptions,
  type JobEnded,
  type OpenedJob,
  openJob,
} from './opening.ts';
import { isCancel, type JobProgress, jobStatus, ProgressChanges, type SettableStatus } from './job-status.ts';
import { JobReporter } from './reporter.ts';
import { defaultJobTiming, type JobRoute, type JobTiming } from './route.ts';

/** How a run ended; `message` becomes the last line of the job's log. */
export type JobOutcome = { readonly kind: 'succeeded' | 'failed' | 'cancelled'; readonly message: string };

const statusOf: Readonly<Record<JobOutcome['kind'], SettableStatus>> = {
  succeeded: jobStatus.success,
  failed: jobStatus.error,
  cancelled: jobStatus.canceled,
};

/** The Girder job of a run: it shows the run's log, progress and end, and cancelling it cancels the run. */
export class GirderJob {
  readonly #jobId: string;
  readonly #route: JobRoute;
  readonly #signal: AbortSignal;
  readonly #logger: Logger | undefined;
  readonly #timing: JobTiming;
  readonly #log: JobLog;
  readonly #progress = new ProgressChanges();
  readonly #sinks = new Set<JobSink>();
  readonly #cancelled = new AbortController();
  readonly #reporter: JobReporter;
  #status: number;
  #finishing: Promise<void> | undefined;

  private constructor(options: JobOptions, { route, status }: OpenedJob, timing: JobTiming) {
    this.#jobId = options.jobId;
    this.#signal = options.signal;
    this.#logger = options.log;
    this.#route = route;
    this.#status = status;
    this.#timing = timing;
    this.#log = new JobLog(timing.waiting);
    const onStatus = (reported: number) => this.#setStatus(reported);
    const { logger, log, progress } = { logger: options.log, log: this.#log, progress: this.#progress };
    this.#reporter = new JobReporter({ route, log, progress, onStatus, logger, timing });
  }

  /**
   * Checks the id and the token, and starts to watch the job. `signal` is for this and for start().
   * @throws {RunError} Girder rejects the id or the token (GirderNotFound, GirderUnauthorized…), the job has
   * already ended (InvalidSpec), or it was cancelled (CancelledInGirder).
   */
  static async open(options: JobOptions): Promise<GirderJob> {
    const opened = await GirderJob.#open(options);
    if (opened instanceof GirderJob) return opened;
    throw opened.ended;
  }

  /** As {@link open}, but undefined when the job has ended or was cancelled, which a late report may find. */
  static async openUnlessEnded(options: JobOptions): Promise<GirderJob | undefined> {
    const opened = await GirderJob.#open(options);
    return opened instanceof GirderJob ? opened : undefined;
  }

  static async #open(options: JobOptions): Promise<GirderJob | JobEnded> {
    const timing = { ...defaultJobTiming, ...options.timing };
    const opened = await openJob(options, timing);
    return 'ended' in opened ? opened : new GirderJob(options, opened, timing);
  }

  /** Aborts with a RunError `CancelledInGirder` within about 2 seconds of a cancel in Girder. */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /**
   * Marks the job as RUNNING; if Girder is unavailable, the run continues.
   * @throws {RunError} CancelledInGirder
   */
  async start(): Promise<void> {
    this.#cancelled.signal.throwIfAborted();
    try {
      await this.#advance(jobStatus.running, deadline(this.#timing.start, this.#signal));
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#logger?.warn({ error: describe(error) }, 'cannot mark the Girder job as running');
    }
    this.#cancelled.signal.throwIfAborted();
  }

  /** Writes one stream of bytes to the job's log. It accepts everything at once and never fails. */
  sink(): Writable {
    const sink = new JobSink((text) => {
      this.#log.add(text);
      this.#reporter.notify();
    });
    this.#sinks.add(sink);
    return sink;
  }

  /** Adds a line of the worker to the job's log. */
  addLogLine(line: string): void {
    this.#log.addLine(line);
    this.#reporter.notify();
  }

  /** Updates the progress; absent fields keep their values. */
  progress(progress: JobProgress): void {
    this.#progress.set(progress);
    if (!this.#progress.isEmpty) this.#reporter.notify();
  }

  /** Sends the rest of the log and the final state, for at most 15 seconds. Never throws. */
  finish(outcome: JobOutcome): Promise<void> {
    this.#finishing ??= this.#finish(outcome);
    return this.#finishing;
  }

  /**
   * Checks the job for a cancel; if Girder is unavailable, the run continues.
   * @throws {RunError} CancelledInGirder
   */
  async check(): Promise<void> {
    try {
      const { status } = await this.#route.check(deadline(this.#timing.start, this.#signal));
      this.#setStatus(status);
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'cannot check the Girder job');
    }
    this.#cancelled.signal.throwIfAborted();
  }

  /** Sends the rest of the log and stops; the job stays RUNNING for the next attempt. Never throws. */
  async detach(): Promise<void> {
    this.#finishing ??= this.#sendRest(deadline(this.#timing.finish));
    await this.#finishing;
    this.close();
  }

  /** Stops watching and reporting at once; the job stays RUNNING for the next attempt. */
  close(): void {
    this.#reporter.stop();
  }

  async #finish({ kind, message }: JobOutcome): Promise<void> {
    const limit = deadline(this.#timing.finish);
    await this.#sendRest(limit, message);
    if (this.#reporter.hasEnded) return;
    this.#reporter.stop();
    try {
      await this.#advance(statusOf[kind], limit);
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'cannot report the end of the run to the Girder job');
    }
  }

  async #sendRest(limit: AbortSignal, lastLine = ''): Promise<void> {
    for (const sink of this.#sinks) sink.flushRest();
    if (lastLine !== '') this.#log.addLine(lastLine);
    try {
      // A log that cannot be sent must leave time for the state.
      await raceAbort(this.#reporter.drain(), deadline((this.#timing.finish * 2) / 3, limit));
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'cannot send the end of the log to the Girder job');
    }
  }

  async #advance(to: SettableStatus, signal: AbortSignal): Promise<void> {
    const status = await advance(this.#route, { from: this.#status, to }, signal);
    this.#setStatus(status);
    if (status === to || isCancel(status)) return;
    this.#logger?.warn({ status, to }, 'Girder refused to change the state of the job');
  }

  #setStatus(status: number): void {
    this.#status = status;
    if (isCancel(status) && this.#finishing === undefined)
      this.#cancelled.abort(cancelledInGirder(this.#jobId));
  }
}
