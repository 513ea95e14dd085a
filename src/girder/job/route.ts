import { RunError } from '../../support/errors.ts';
import { StalledError, Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import {
  type JobState,
  type jobStatus,
  parseJobState,
  parseLog,
  type ProgressForm,
  type SettableStatus,
} from './job-status.ts';

/** The fields of a job that a request can change. */
export type JobForm = ProgressForm & {
  readonly log?: string;
  readonly status?: SettableStatus | typeof jobStatus.queued;
};

/** Girder's route of one job. Its errors are those of the client; a response has an AdaptiveTimeout. */
export class JobRoute {
  readonly #client: GirderClient;
  readonly #jobId: string;
  readonly #timeout: AdaptiveTimeout;
  #updated = 0;

  /** `answer` is the shortest timeout of a response, in milliseconds. */
  constructor(client: GirderClient, jobId: string, answer: number) {
    this.#client = client;
    this.#jobId = jobId;
    this.#timeout = new AdaptiveTimeout({ shortest: answer, longest: client.timing.answer });
  }

  /** The latest change of the job in any response: milliseconds since 1970. */
  get updated(): number {
    return this.#updated;
  }

  /** Changes the job, without retries. */
  async put(form: JobForm, signal: AbortSignal): Promise<JobState> {
    using watchdog = new Watchdog(this.#timeout.next, 'response', signal);
    const started = performance.now();
    try {
      const request = {
        ...this.#request(watchdog.signal),
        method: 'PUT',
        form,
        parse: parseJobState,
      } as const;
      const state = await this.#client.jsonOnce(request);
      this.#timeout.responded(performance.now() - started);
      this.#updated = Math.max(this.#updated, state.updated);
      return state;
    } catch (error) {
      if (watchdog.signal.reason instanceof StalledError) this.#timeout.timedOut();
      throw error;
    }
  }

  /** Changes the job, with retries as long as the signal and the client's retry budget allow. */
  async putWithRetries(form: JobForm, signal: AbortSignal): Promise<JobState> {
    return this.#client.withRetries(this.#request(signal), () => this.put(form, signal));
  }

  /**
   * Returns the state of the job by means of an empty change. Unlike a GET, this checks that the token may
   * write, and the response does not contain the log, which can be megabytes.
   */
  async check(signal: AbortSignal): Promise<JobState> {
    return this.put({}, signal);
  }

  /** The parts of the log, each that of one request. */
  async log(signal: AbortSignal): Promise<readonly string[]> {
    return this.#client.jsonOnce({ ...this.#request(signal), method: 'GET', parse: parseLog });
  }

  #request(signal: AbortSignal) {
    return { route: ['job', this.#jobId], subject: `job ${this.#jobId}`, signal };
  }
}

/** True when Girder understood a request and refused it. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RunError && error.reason === 'GirderRefused';
}

const kibi = 1024;

/** How a run reports to its job: milliseconds and bytes. */
export type JobTiming = {
  /** From the first byte after a pause to the request that sends it, so that more bytes can join it. */
  readonly soon: number;
  /** Between the end of one request and the next. */
  readonly spacing: number;
  /** The interval of checks while there is nothing to send: a cancel is seen within it. */
  readonly poll: number;
  /** The longest wait before a retry. */
  readonly retry: number;
  /**
   * The shortest timeout of a response, after the first one: if a packet is lost, the log waits behind it.
   */
  readonly answer: number;
  /** For marking the job as RUNNING; after that the run continues. */
  readonly start: number;
  /** For the rest of the log and the final state. */
  readonly finish: number;
  /**
   * Bytes of the log in one request. Girder keeps 4 MiB divided by the last part's size as its number of
   * parts, so large parts push out more small ones.
   */
  readonly batch: number;
  /** Bytes of the log that may wait to be sent. */
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

type TimeoutBounds = { readonly shortest: number; readonly longest: number };

/** The next response may take this many times as long as the last one. */
const variation = 4;

/**
 * The timeout of the next response, like TCP's retransmission timeout (RFC 6298): a multiple of the last
 * response time, doubled by each timeout, and `longest` until the first response.
 */
export class AdaptiveTimeout {
  readonly #bounds: TimeoutBounds;
  #lastTook: number | undefined;
  #timeouts = 0;

  constructor(bounds: TimeoutBounds) {
    this.#bounds = bounds;
  }

  /** Milliseconds. */
  get next(): number {
    const { shortest, longest } = this.#bounds;
    if (this.#lastTook === undefined) return longest;
    return Math.min(longest, Math.max(shortest, this.#lastTook * variation) * 2 ** this.#timeouts);
  }

  /** Call when a response came after `took` milliseconds. */
  responded(took: number): void {
    this.#lastTook = took;
    this.#timeouts = 0;
  }

  /** Call when no response came in time. */
  timedOut(): void {
    this.#timeouts += 1;
  }
}
