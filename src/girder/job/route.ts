import { RunError } from '../../support/errors.ts';
import { StalledError, Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import { AdaptiveTimeout } from './answer-time.ts';
import { type JobState, parseJobState, parseLastLog } from './document.ts';
import type { ProgressForm } from './progress.ts';
import type { jobStatus, SettableStatus } from './status.ts';

/** What one request can change of a job. */
export type JobForm = ProgressForm & {
  readonly log?: string;
  readonly status?: SettableStatus | typeof jobStatus.queued;
};

/** Girder's route of one job; its failures are the client's, but the timeout of an answer is an AdaptiveTimeout. */
export class JobRoute {
  readonly #client: GirderClient;
  readonly #jobId: string;
  readonly #timeout: AdaptiveTimeout;
  #updated = 0;

  /** `answer` is the shortest wait for an answer, in milliseconds. */
  constructor(client: GirderClient, jobId: string, answer: number) {
    this.#client = client;
    this.#jobId = jobId;
    this.#timeout = new AdaptiveTimeout({ shortest: answer, longest: client.timing.answer });
  }

  /** When the job changed last as far as we were told: milliseconds. */
  get updated(): number {
    return this.#updated;
  }

  /** Changes the job, trying once. */
  async put(form: JobForm, signal: AbortSignal): Promise<JobState> {
    using watchdog = new Watchdog(this.#timeout.within, 'answer', signal);
    const started = performance.now();
    try {
      const ask = { ...this.#place(watchdog.signal), method: 'PUT', form, parse: parseJobState } as const;
      const state = await this.#client.jsonOnce(ask);
      this.#timeout.answered(performance.now() - started);
      return this.#noted(state);
    } catch (error) {
      if (watchdog.signal.reason instanceof StalledError) this.#timeout.timedOut();
      throw error;
    }
  }

  /** Changes the job, trying again as long as the signal and the client's retry budget allow. */
  async putPatiently(form: JobForm, signal: AbortSignal): Promise<JobState> {
    return this.#client.patiently(this.#place(signal), () => this.put(form, signal));
  }

  /**
   * The job as it is. An empty change changes nothing, but unlike a GET it checks that the token may write, and its
   * answer spares us the log, which can be megabytes.
   */
  async look(signal: AbortSignal): Promise<JobState> {
    return this.put({}, signal);
  }

  /** The part of the log that was added last. */
  async lastLog(signal: AbortSignal): Promise<string | undefined> {
    return this.#client.jsonOnce({ ...this.#place(signal), method: 'GET', parse: parseLastLog });
  }

  #place(signal: AbortSignal) {
    return { route: ['job', this.#jobId], subject: `job ${this.#jobId}`, signal };
  }

  #noted(state: JobState): JobState {
    this.#updated = Math.max(this.#updated, state.updated);
    return state;
  }
}

/** True when Girder understood a request and said no. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RunError && error.reason === 'GirderRefused';
}
