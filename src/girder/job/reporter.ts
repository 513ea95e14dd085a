import { defined } from '../../api/json-values.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { TransientFailure } from '../retry.ts';
import { type JobLog, leftOutLine } from './job-log.ts';
import type { ProgressChanges } from './job-status.ts';
import { isRefusal, type JobForm, type JobRoute, type JobTiming } from './route.ts';

/** What a reporter works with; `onStatus` hears the state of the job in every answer. */
export type ReporterParts = {
  readonly route: JobRoute;
  readonly log: JobLog;
  readonly progress: ProgressChanges;
  readonly onStatus: (status: number) => void;
  readonly logger: Logger | undefined;
  readonly timing: JobTiming;
};

/**
 * Carries log and progress to Girder, one request at a time, and looks at the job when there is nothing to carry.
 * It outlasts any failure of Girder; only a job or token that Girder does not accept any more ends it.
 */
export class JobReporter {
  readonly #parts: ReporterParts;
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  #batch = '';
  #isDoubtful = false;
  #failures = 0;
  #isFinishing = false;
  #workSince: number | undefined;
  #lastAnswer: number;
  #wake: () => void = () => undefined;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    // The job was looked at just now, and still the first bytes go up soon.
    this.#lastAnswer = performance.now() - parts.timing.spacing;
    this.#loop = this.#run();
  }

  /** True when nothing is carried any more. */
  get hasEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Something was added to the log or the progress. */
  notify(): void {
    if (this.#workSince !== undefined) return;
    this.#workSince = performance.now();
    this.#wake();
  }

  /** Carries the rest without pauses; settles when all is in Girder or cannot be. */
  async drain(): Promise<void> {
    this.#isFinishing = true;
    this.#wake();
    await this.#loop;
  }

  /** Drops what waits and ends the request that is under way. */
  stop(): void {
    this.#ended.abort();
    this.#wake();
  }

  async #run(): Promise<void> {
    for (;;) {
      for (let wait = this.#wait(); wait > 0 && !this.hasEnded; wait = this.#wait()) await this.#nap(wait);
      if (this.hasEnded || (this.#isFinishing && this.#isIdle())) return;
      await this.#report();
    }
  }

  #isIdle(): boolean {
    const { log, progress } = this.#parts;
    return this.#batch === '' && log.isEmpty && progress.isEmpty;
  }

  /** Milliseconds until the next request. */
  #wait(): number {
    const { soon, spacing, poll, retry } = this.#parts.timing;
    const sinceAnswer = performance.now() - this.#lastAnswer;
    if (this.#failures > 0) return Math.min(retry, spacing * 2 ** (this.#failures - 1)) - sinceAnswer;
    if (this.#isFinishing) return 0;
    if (this.#workSince === undefined) return poll - sinceAnswer;
    return Math.max(this.#workSince + soon - performance.now(), spacing - sinceAnswer);
  }

  async #nap(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    // Somebody waits for the last of the log; nobody for the next look.
    if (!this.#isFinishing) timer.unref();
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  async #report(): Promise<void> {
    this.#workSince = undefined;
    const form = this.#isDoubtful ? {} : this.#form();
    try {
      await (this.#isDoubtful ? this.#clearDoubt() : this.#carry(form));
      this.#failures = 0;
    } catch (error) {
      if (!this.hasEnded) this.#failed(error, form);
    }
    this.#lastAnswer = performance.now();
    if (!this.#isIdle()) this.#workSince ??= this.#lastAnswer;
  }

  #form(): JobForm {
    this.#batch ||= this.#parts.log.take(this.#parts.timing.batch);
    return { ...(this.#batch === '' ? {} : { log: this.#batch }), ...this.#parts.progress.changes() };
  }

  async #carry(form: JobForm): Promise<void> {
    const { route, progress, onStatus } = this.#parts;
    const { status } = await route.put(form, this.#ended.signal);
    this.#batch = '';
    progress.sent(withoutLog(form));
    onStatus(status);
  }

  /** An answer was lost: Girder may have stored the batch, and would store it twice. */
  async #clearDoubt(): Promise<void> {
    const { route, onStatus } = this.#parts;
    const { signal } = this.#ended;
    const before = route.updated;
    const { status, updated } = await route.look(signal);
    if (updated > before && this.#batch !== '' && (await this.#isStored(this.#batch))) this.#batch = '';
    this.#isDoubtful = false;
    onStatus(status);
  }

  async #isStored(batch: string): Promise<boolean> {
    try {
      return (await this.#parts.route.lastLog(this.#ended.signal)) === batch;
    } catch {
      // A line twice is better than a line lost, or than a log too long to be read holding up all that follows.
      return false;
    }
  }

  #failed(error: unknown, form: JobForm): void {
    const { logger } = this.#parts;
    const fields = { error: describe(error) };
    const isAway = error instanceof RunError && error.reason === 'GirderUnavailable';
    if (error instanceof TransientFailure || isAway) {
      if (this.#failures === 0) logger?.warn(fields, 'the job in Girder cannot be reached; trying again');
      this.#failures += 1;
      this.#isDoubtful = true;
    } else if (isRefusal(error) && Object.keys(form).length > 0) {
      logger?.warn(fields, 'Girder refused a part of the log of the job, which is left out');
      this.#leaveOut(form);
    } else {
      logger?.warn(fields, 'the job in Girder is reported to no more');
      this.stop();
    }
  }

  #leaveOut(form: JobForm): void {
    const { log, progress } = this.#parts;
    progress.sent(withoutLog(form));
    if (this.#batch !== '') log.addLine(leftOutLine(Buffer.byteLength(this.#batch)));
    this.#batch = '';
    // Looking first tells whether it was about the content, or whether the job is gone.
    this.#isDoubtful = true;
  }
}

function withoutLog({ progressMessage, progressCurrent, progressTotal }: JobForm) {
  return defined({ progressMessage, progressCurrent, progressTotal });
}
