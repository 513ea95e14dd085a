import { RunError } from '../../support/errors.ts';
import { StalledError, Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import {
  type JobState,
  type jobStatus,
  parseJobState,
  parseLastLog,
  type ProgressForm,
  type SettableStatus,
} from './job-status.ts';

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

type TimeoutBounds = { readonly shortest: number; readonly longest: number };

/** The next answer may take this many times as long as the last one took. */
const variation = 4;

/**
 * The timeout of the next answer, computed as TCP's retransmission timeout (RFC 6298): a multiple of what the last
 * answer took, doubled by each timeout, and `longest` until the first answer.
 */
export class AdaptiveTimeout {
  readonly #bounds: TimeoutBounds;
  #lastTook: number | undefined;
  #timeouts = 0;

  constructor(bounds: TimeoutBounds) {
    this.#bounds = bounds;
  }

  /** Milliseconds for the next answer. */
  get within(): number {
    const { shortest, longest } = this.#bounds;
    if (this.#lastTook === undefined) return longest;
    return Math.min(longest, Math.max(shortest, this.#lastTook * variation) * 2 ** this.#timeouts);
  }

  /** An answer came after `took` milliseconds. */
  answered(took: number): void {
    this.#lastTook = took;
    this.#timeouts = 0;
  }

  /** No answer came in time: the next one may take twice as long. */
  timedOut(): void {
    this.#timeouts += 1;
  }
}

const kibi = 1024;

/** How a run speaks with its job: milliseconds and bytes. */
export type JobTiming = {
  /** From the first byte after a silence to the request that carries it, so that more can go along. */
  readonly soon: number;
  /** Between the end of one request and the next. */
  readonly spacing: number;
  /** Without anything to tell, the job is looked at so often: a cancel is seen no later. */
  readonly poll: number;
  /** The longest wait after a failure. */
  readonly retry: number;
  /** The shortest wait for an answer, once Girder has answered: a packet can be lost, and what waits behind it is the log. */
  readonly answer: number;
  /** For the job to be RUNNING; the run goes on without it. */
  readonly start: number;
  /** For the last of the log and the final state. */
  readonly finish: number;
  /** Log in one request. Girder keeps as many parts of a log as 4 MiB hold of the size of the last: larger parts push out more small ones. */
  readonly batch: number;
  /** Log that waits for Girder. */
  readonly waiting: number;
};

export const defaultJobTiming: JobTiming = {
  soon: 100,
  spacing: 700,
  poll: 2_000,
  retry: 5_000,
  answer: 3_000,
  start: 15_000,
  finish: 15_000,
  batch: 128 * kibi,
  waiting: 1024 * kibi,
};
