import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { type JobState, parseJobState, parseLastLog } from './document.ts';
import type { ProgressForm } from './progress.ts';
import type { jobStatus, SettableStatus } from './status.ts';

/** What one request can change of a job. */
export type JobForm = ProgressForm & {
  readonly log?: string;
  readonly status?: SettableStatus | typeof jobStatus.queued;
};

/** Girder's route of one job; its failures are the client's. */
export class JobRoute {
  readonly #client: GirderClient;
  readonly #jobId: string;
  #updated = 0;

  constructor(client: GirderClient, jobId: string) {
    this.#client = client;
    this.#jobId = jobId;
  }

  /** When the job changed last as far as we were told: milliseconds. */
  get updated(): number {
    return this.#updated;
  }

  /** Changes the job, trying once. */
  async put(form: JobForm, signal: AbortSignal): Promise<JobState> {
    return this.#noted(await this.#client.jsonOnce(this.#ask(form, signal)));
  }

  /** Changes the job, trying again as long as the signal and the client's patience allow. */
  async putPatiently(form: JobForm, signal: AbortSignal): Promise<JobState> {
    return this.#noted(await this.#client.json(this.#ask(form, signal)));
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

  #ask(form: JobForm, signal: AbortSignal) {
    return { ...this.#place(signal), method: 'PUT', form, parse: parseJobState } as const;
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
