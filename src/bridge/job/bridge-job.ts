import { parseApiUrl } from '../../girder/api-url.ts';
import { GirderClient } from '../../girder/client.ts';
import { TokenSource } from '../../girder/credentials.ts';
import { jobStatus, type SettableStatus } from '../../girder/job/job-status.ts';
import { advance } from '../../girder/job/opening.ts';
import { defaultJobTiming, isRefusal, JobRoute } from '../../girder/job/route.ts';
import { deadline } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import type { JobAddress } from '../translate/message-outcome.ts';

/** The job does not accept the bridge: it was deleted, or its token is wrong or has expired. */
export class JobInaccessible extends Error {
  override readonly name = 'JobInaccessible';
  /** True when Girder says that there is no such job. */
  readonly isGone: boolean;

  constructor(message: string, isGone: boolean) {
    super(message);
    this.isGone = isGone;
  }
}

/** In milliseconds: a failure is repeated by the caller, which has more to do than this job. */
const requestMs = 15_000;
const patienceMs = 2_000;

/** In characters; a message of another program can be of any length. */
export const longestLine = 4_000;

export type JobRequestObserver = (result: 'ok' | 'refused' | 'failed') => void;

type Options = { readonly onRequest?: JobRequestObserver };

/** A Girder job, as far as the bridge changes it. Every method rejects with JobInaccessible, or with a failure that may pass. */
export class BridgeJob {
  readonly id: string;
  readonly #route: JobRoute;
  readonly #onRequest: JobRequestObserver;

  /** @throws {RunError} InvalidSpec: the address is not one of a Girder */
  constructor({ apiUrl, id, token }: JobAddress, { onRequest = () => undefined }: Options = {}) {
    const client = new GirderClient(parseApiUrl(apiUrl), new TokenSource({ token }), { patienceMs });
    this.id = id;
    this.#route = new JobRoute(client, id, defaultJobTiming.answer);
    this.#onRequest = onRequest;
  }

  /** The status of the job; the token may also write. */
  async look(signal: AbortSignal): Promise<number> {
    const { status } = await this.#ask((bounded) => this.#route.putWithRetries({}, bounded), signal);
    return status;
  }

  /**
   * Adds lines to the log, unless it has them: an answer was lost, or another replica has written them. A log that is
   * too long to be read is taken to have them.
   */
  async say(lines: string, signal: AbortSignal): Promise<void> {
    const log = logOf(lines);
    await this.#add(log, (parts) => parts?.some((part) => part.includes(log)) ?? true, signal);
  }

  /** Adds a line to the log, unless it is the last one. */
  async sayLast(line: string, signal: AbortSignal): Promise<void> {
    const log = logOf(line);
    await this.#add(log, (parts) => parts?.at(-1)?.endsWith(log) ?? false, signal);
  }

  /**
   * Marks the job as RUNNING with these lines in its log, in one request where Girder allows that; returns the status
   * after it. After another failure than a refusal, look at the job first: Girder may have done it.
   */
  async announce(lines: string, from: number, signal: AbortSignal): Promise<number> {
    const form = { log: logOf(lines), status: jobStatus.running } as const;
    const reached = await this.#ask(async (bounded) => {
      try {
        return (await this.#route.put(form, bounded)).status;
      } catch (error) {
        if (isRefusal(error)) return undefined;
        throw error;
      }
    }, signal);
    if (reached !== undefined) return reached;
    // A job of the handler of legacy workers is QUEUED first; any other was cancelled meanwhile.
    await this.say(lines, signal);
    return this.advance(from, jobStatus.running, signal);
  }

  /** Brings the job from the status `from` to `to`, as far as Girder allows; returns the status after that. */
  async advance(from: number, to: SettableStatus, signal: AbortSignal): Promise<number> {
    return this.#ask((bounded) => advance(this.#route, { from, to }, bounded), signal);
  }

  async #add(
    log: string,
    isIn: (parts: readonly string[] | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#ask(async (bounded) => {
      if (isIn(await this.#log(bounded))) return;
      await this.#route.put({ log }, bounded).catch(async (error: unknown) => {
        if (!isRefusal(error)) throw error;
        // Girder refuses a log that has become too long; this rejects as well if the job was deleted.
        await this.#route.putWithRetries({}, bounded);
      });
    }, signal);
  }

  async #log(signal: AbortSignal): Promise<readonly string[] | undefined> {
    try {
      return await this.#route.log(signal);
    } catch (error) {
      // A log that is too long to be read must not keep the job from its end.
      signal.throwIfAborted();
      if (error instanceof RunError) return undefined;
      throw error;
    }
  }

  async #ask<T>(request: (bounded: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const answer = await request(deadline(requestMs, signal));
      this.#onRequest('ok');
      return answer;
    } catch (error) {
      const refusal = this.#refusal(error);
      this.#onRequest(refusal === undefined ? 'failed' : 'refused');
      throw refusal ?? error;
    }
  }

  #refusal(error: unknown): JobInaccessible | undefined {
    if (!(error instanceof RunError)) return undefined;
    const { reason, message } = error;
    if (reason === 'GirderNotFound' || reason === 'GirderRefused')
      return new JobInaccessible(`Girder has no job ${this.id}: ${message}`, true);
    if (reason === 'GirderUnauthorized' || reason === 'GirderForbidden')
      return new JobInaccessible(
        `the token of the Girder job ${this.id} is wrong or has expired: ${message}`,
        false,
      );
    return undefined;
  }
}

function logOf(text: string): string {
  return `${text.slice(0, longestLine).toWellFormed()}\n`;
}
