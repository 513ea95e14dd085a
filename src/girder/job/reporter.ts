import { defined } from '../../api/json-values.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { TransientFailure } from '../retry.ts';
import { type JobLog, omittedLine } from './job-log.ts';
import type { ProgressChanges } from './job-status.ts';
import { isRefusal, type JobForm, type JobRoute, type JobTiming } from './route.ts';

/** `onStatus` gets the state of the job from each response. */
export type ReporterParts = {
  readonly route: JobRoute;
  readonly log: JobLog;
  readonly progress: ProgressChanges;
  readonly onStatus: (status: number) => void;
  readonly logger: Logger | undefined;
  readonly timing: JobTiming;
};

/**
 * Sends log and progress to Girder, one request at a time, and polls the job when there is nothing to send.
 * It retries after any failure of Girder, and stops only when Girder no longer accepts the job or the token.
 */
export class JobReporter {
  readonly #parts: ReporterParts;
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  #batch = '';
  #mayBeStored = false;
  #failures = 0;
  #isFinishing = false;
  #workSince: number | undefined;
  #lastResponse: number;
  #wake: () => void = () => undefined;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    // The job was checked just now, but the first bytes must not wait for that.
    this.#lastResponse = performance.now() - parts.timing.spacing;
    this.#loop = this.#run();
  }

  /** True when nothing is sent any more. */
  get hasEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Call after a change of the log or the progress. */
  notify(): void {
    if (this.#workSince !== undefined) return;
    this.#workSince = performance.now();
    this.#wake();
  }

  /** Sends the rest without pauses; settles when all is in Girder or the reporter has stopped. */
  async drain(): Promise<void> {
    this.#isFinishing = true;
    this.#wake();
    await this.#loop;
  }

  /** Drops what waits and aborts the current request. */
  stop(): void {
    this.#ended.abort();
    this.#wake();
  }

  async #run(): Promise<void> {
    for (;;) {
      for (let wait = this.#wait(); wait > 0 && !this.hasEnded; wait = this.#wait()) await this.#sleep(wait);
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
    const sinceResponse = performance.now() - this.#lastResponse;
    if (this.#failures > 0) return Math.min(retry, spacing * 2 ** (this.#failures - 1)) - sinceResponse;
    if (this.#isFinishing) return 0;
    if (this.#workSince === undefined) return poll - sinceResponse;
    return Math.max(this.#workSince + soon - performance.now(), spacing - sinceResponse);
  }

  async #sleep(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    // The run waits for the end of the log, but the next poll must not keep the process alive.
    if (!this.#isFinishing) timer.unref();
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  async #report(): Promise<void> {
    this.#workSince = undefined;
    const form = this.#mayBeStored ? {} : this.#form();
    try {
      await (this.#mayBeStored ? this.#checkStored() : this.#send(form));
      this.#failures = 0;
    } catch (error) {
      if (!this.hasEnded) this.#onFailure(error, form);
    }
    this.#lastResponse = performance.now();
    if (!this.#isIdle()) this.#workSince ??= this.#lastResponse;
  }

  #form(): JobForm {
    this.#batch ||= this.#parts.log.take(this.#parts.timing.batch);
    return { ...(this.#batch === '' ? {} : { log: this.#batch }), ...this.#parts.progress.changes() };
  }

  async #send(form: JobForm): Promise<void> {
    const { route, progress, onStatus } = this.#parts;
    const { status } = await route.put(form, this.#ended.signal);
    this.#batch = '';
    progress.sent(withoutLog(form));
    onStatus(status);
  }

  /** After a lost response: a batch that Girder has stored must not be sent again. */
  async #checkStored(): Promise<void> {
    const { route, onStatus } = this.#parts;
    const { signal } = this.#ended;
    const before = route.updated;
    const { status, updated } = await route.check(signal);
    if (updated > before && this.#batch !== '' && (await this.#isStored(this.#batch))) this.#batch = '';
    this.#mayBeStored = false;
    onStatus(status);
  }

  async #isStored(batch: string): Promise<boolean> {
    try {
      return (await this.#parts.route.log(this.#ended.signal)).at(-1) === batch;
    } catch {
      // A duplicate line is better than a lost one, or than a log too long to read that blocks all that
      // follows.
      return false;
    }
  }

  #onFailure(error: unknown, form: JobForm): void {
    const { logger } = this.#parts;
    const fields = { error: describe(error) };
    const isUnavailable = error instanceof RunError && error.reason === 'GirderUnavailable';
    if (error instanceof TransientFailure || isUnavailable) {
      if (this.#failures === 0) logger?.warn(fields, 'cannot reach the Girder job, retrying');
      this.#failures += 1;
      this.#mayBeStored = true;
    } else if (isRefusal(error) && Object.keys(form).length > 0) {
      logger?.warn(fields, 'Girder refused a part of the log of the job; it is omitted');
      this.#omitBatch(form);
    } else {
      logger?.warn(fields, 'stopped reporting to the Girder job');
      this.stop();
    }
  }

  #omitBatch(form: JobForm): void {
    const { log, progress } = this.#parts;
    progress.sent(withoutLog(form));
    if (this.#batch !== '') log.addLine(omittedLine(Buffer.byteLength(this.#batch)));
    this.#batch = '';
    // The check shows whether Girder refused the content, or whether the job was deleted.
    this.#mayBeStored = true;
  }
}

function withoutLog({ progressMessage, progressCurrent, progressTotal }: JobForm) {
  return defined({ progressMessage, progressCurrent, progressTotal });
}
