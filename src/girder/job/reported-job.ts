import type { Writable } from 'node:stream';
import { deadline, raceAbort } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { JobLog, JobSink } from './job-log.ts';
import {
  advance,
  cancelledInGirder,
  type JobOptions,
  type JobOver,
  type OpenedJob,
  openJob,
} from './opening.ts';
import { isCancel, type JobProgress, jobStatus, ProgressChanges, type SettableStatus } from './job-status.ts';
import { JobReporter } from './reporter.ts';
import { defaultJobTiming, type JobRoute, type JobTiming } from './route.ts';

/** How a run ended, and the last line of its job's log. */
export type JobOutcome = { readonly kind: 'succeeded' | 'failed' | 'cancelled'; readonly message: string };

const statusOf: Readonly<Record<JobOutcome['kind'], SettableStatus>> = {
  succeeded: jobStatus.success,
  failed: jobStatus.error,
  cancelled: jobStatus.canceled,
};

/** The job in Girder that stands for a run: it shows the run's log, progress and end, and a cancel there ends the run. */
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
    const onStatus = (seen: number) => this.#seen(seen);
    const { logger, log, progress } = { logger: options.log, log: this.#log, progress: this.#progress };
    this.#reporter = new JobReporter({ route, log, progress, onStatus, logger, timing });
  }

  /**
   * Checks id and token, and watches the job from then on. `signal` is for this and for start().
   * @throws {RunError} the job or its token is not accepted (GirderNotFound, GirderUnauthorized…), it has ended
   * before (InvalidSpec), or it was cancelled (CancelledInGirder).
   */
  static async open(options: JobOptions): Promise<GirderJob> {
    const opened = await GirderJob.#open(options);
    if (opened instanceof GirderJob) return opened;
    throw opened.over;
  }

  /** As {@link open}; undefined when the job has ended before or was cancelled, which is no error to a late report. */
  static async openUnlessOver(options: JobOptions): Promise<GirderJob | undefined> {
    const opened = await GirderJob.#open(options);
    return opened instanceof GirderJob ? opened : undefined;
  }

  static async #open(options: JobOptions): Promise<GirderJob | JobOver> {
    const timing = { ...defaultJobTiming, ...options.timing };
    const opened = await openJob(options, timing);
    return 'over' in opened ? opened : new GirderJob(options, opened, timing);
  }

  /** Aborts with a RunError `CancelledInGirder` some 2 seconds after the job was cancelled in Girder. */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** Marks the job as RUNNING. A Girder that is away does not hold the run up. @throws {RunError} CancelledInGirder */
  async start(): Promise<void> {
    this.#cancelled.signal.throwIfAborted();
    try {
      await this.#advance(jobStatus.running, deadline(this.#timing.start, this.#signal));
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#logger?.warn({ error: describe(error) }, 'the job in Girder could not be marked as running');
    }
    this.#cancelled.signal.throwIfAborted();
  }

  /** A way into the job's log for one stream of bytes of its own. It takes everything at once and never fails. */
  sink(): Writable {
    const sink = new JobSink((text) => {
      this.#log.add(text);
      this.#reporter.notify();
    });
    this.#sinks.add(sink);
    return sink;
  }

  /** Puts a line of ours into the job's log. */
  say(line: string): void {
    this.#log.addLine(line);
    this.#reporter.notify();
  }

  /** Shows how far the run is; fields that are absent stay. */
  progress(progress: JobProgress): void {
    this.#progress.set(progress);
    if (!this.#progress.isEmpty) this.#reporter.notify();
  }

  /** Carries the rest of the log and the final state to Girder, as well as 15 seconds allow. Never throws. */
  finish(outcome: JobOutcome): Promise<void> {
    this.#finishing ??= this.#finish(outcome);
    return this.#finishing;
  }

  /** Looks at the job at once; a Girder that is away holds nothing up. @throws {RunError} it was cancelled */
  async check(): Promise<void> {
    try {
      const { status } = await this.#route.look(deadline(this.#timing.start, this.#signal));
      this.#seen(status);
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'the job in Girder could not be looked at');
    }
    this.#cancelled.signal.throwIfAborted();
  }

  /** Carries the rest of the log, then stops; the job stays RUNNING for the next attempt. Never throws. */
  async leave(): Promise<void> {
    this.#finishing ??= this.#carryRest(deadline(this.#timing.finish));
    await this.#finishing;
    this.close();
  }

  /** Stops watching and reporting at once; the job stays RUNNING for the next attempt. */
  close(): void {
    this.#reporter.stop();
  }

  async #finish({ kind, message }: JobOutcome): Promise<void> {
    const limit = deadline(this.#timing.finish);
    await this.#carryRest(limit, message);
    if (this.#reporter.hasEnded) return;
    this.#reporter.stop();
    try {
      await this.#advance(statusOf[kind], limit);
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'the end of the run did not reach the job in Girder');
    }
  }

  async #carryRest(limit: AbortSignal, lastLine = ''): Promise<void> {
    for (const sink of this.#sinks) sink.flushRest();
    if (lastLine !== '') this.#log.addLine(lastLine);
    try {
      // A log that cannot be carried must leave time for the state.
      await raceAbort(this.#reporter.drain(), deadline((this.#timing.finish * 2) / 3, limit));
    } catch (error) {
      this.#logger?.warn({ error: describe(error) }, 'the end of the log did not reach the job in Girder');
    }
  }

  async #advance(to: SettableStatus, signal: AbortSignal): Promise<void> {
    const status = await advance(this.#route, { from: this.#status, to }, signal);
    this.#seen(status);
    if (status === to || isCancel(status)) return;
    this.#logger?.warn({ status, to }, 'Girder did not let the job change its state');
  }

  #seen(status: number): void {
    this.#status = status;
    if (isCancel(status) && this.#finishing === undefined)
      this.#cancelled.abort(cancelledInGirder(this.#jobId));
  }
}
