import { deadline } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { Watchdog } from '../support/watchdog.ts';
import { encodeParameters, type Parameters, routeUrl } from './api-url.ts';
import type { TokenSource } from './credentials.ts';
import { UnexpectedAnswer } from './documents.ts';
import { classify, parseRefusal } from './girder-error.ts';
import { type ByteSource, readText } from './http/byte-body.ts';
import { exchangeBytes } from './http/byte-exchange.ts';
import {
  type Answer,
  exchange,
  type Exchange,
  type Exchanger,
  follow,
  type FollowedAnswer,
  type Method,
} from './http/transport.ts';
import { RedirectRefused } from './http/redirect.ts';
import { RetryBudget, TransientFailure, UntrustedServer } from './retry.ts';

/** A request to Girder; `subject` names in the user's words what it is about, like "file 5f0c…". */
type Ask = {
  readonly method: Method;
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly signal: AbortSignal;
};

/** A request whose answer is a document; the body, if any, is a form. */
type DocumentAsk<T> = Ask & {
  readonly form?: Parameters;
  readonly parse: (value: unknown) => T;
};

/** A request whose body is a stream of exactly `length` bytes; the watchdog guards its whole way. */
type StreamAsk<T> = Ask & {
  readonly body: ByteSource;
  readonly length: number;
  readonly watchdog: Watchdog;
  readonly parse: (value: unknown) => T;
};

/** A request whose answer is a long stream, which comes through `buffer` where that is possible. */
type ByteAsk = Ask & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly buffer: Buffer;
};

type Wire = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly exchange: Exchanger;
  /** What is sent cannot be sent again. */
  readonly isOnce?: boolean;
};

/** Both have defaults: silence, and the default timing. */
type ClientOptions = { readonly log?: Logger | undefined; readonly timing?: Timing | undefined };

/** Bytes. The answer to a sent stream is a short document. */
const answerBufferBytes = 16 * 1024;
const closeWithin = 5_000;
const longestDocument = 16 * 1024 * 1024;

/** Speaks with one Girder as one user; every error it throws is a RunError, a TransientFailure or an abort reason. */
export class GirderClient {
  readonly #api: URL;
  readonly #tokens: TokenSource;
  readonly #log: Logger | undefined;
  readonly timing: Timing;

  constructor(api: URL, tokens: TokenSource, options: ClientOptions = {}) {
    this.#api = api;
    this.#tokens = tokens;
    this.#log = options.log;
    this.timing = options.timing ?? defaultTiming;
  }

  get apiUrl(): string {
    return this.#api.href.replace(/\/$/, '');
  }

  /** Asks for a document, patiently. Only for what may be asked twice without harm. */
  async json<T>(ask: DocumentAsk<T>): Promise<T> {
    return this.patiently(ask, () => this.jsonOnce(ask));
  }

  /** Tries again, for a minute and a half at most, what ends with a TransientFailure. */
  async patiently<T>(ask: Pick<Ask, 'subject' | 'signal'>, once: () => Promise<T>): Promise<T> {
    const budget = new RetryBudget();
    for (;;) {
      try {
        return await once();
      } catch (error) {
        if (!(error instanceof TransientFailure)) throw error;
        await this.waitAgain(budget, error, ask);
      }
    }
  }

  /** Asks for a document once; a failure that may pass is a TransientFailure. */
  async jsonOnce<T>(ask: DocumentAsk<T>): Promise<T> {
    using watchdog = new Watchdog(this.timing.answer, 'answer', ask.signal);
    const answer = await this.#ask(ask, formOf(ask.form), watchdog.signal);
    return this.#parse(await readText(answer.body, longestDocument, watchdog.signal), ask.parse);
  }

  /** Opens a stream from Girder; the caller pumps its body to the end or destroys it, and minds its stalls. */
  async open(ask: ByteAsk): Promise<Answer> {
    using watchdog = new Watchdog(this.timing.answer, 'answer', ask.signal);
    const wire = {
      headers: ask.headers ?? {},
      exchange: (request: Exchange) => exchangeBytes(request, ask),
    };
    return await this.#ask(ask, wire, watchdog.signal);
  }

  /** Sends a stream once; after a failure the caller finds out how much of it arrived. */
  async send<T>(ask: StreamAsk<T>): Promise<T> {
    const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': String(ask.length) };
    const buffer = Buffer.allocUnsafeSlow(answerBufferBytes);
    const by = (request: Exchange) => exchangeBytes(request, { buffer, source: ask.body });
    const answer = await this.#ask(ask, { headers, exchange: by, isOnce: true }, ask.watchdog.signal);
    return this.#parse(await readText(answer.body, longestDocument, ask.watchdog.signal), ask.parse);
  }

  /** Waits before the next try, or throws what the user should know when it is time to give up. */
  async waitAgain(
    budget: RetryBudget,
    failure: TransientFailure,
    ask: Pick<Ask, 'subject' | 'signal'>,
  ): Promise<void> {
    if (await budget.again(failure, ask.signal)) {
      const { subject } = ask;
      this.#log?.warn({ subject, api: this.apiUrl, error: failure.message }, 'asking Girder again');
      return;
    }
    const tries = budget.attempts;
    const text = `Girder ${this.apiUrl} cannot be used for ${ask.subject}, tried ${tries} times: ${failure.message}`;
    throw new RunError('GirderUnavailable', text);
  }

  /** Deletes the session that was made from an API key: best effort, and also after the run was cancelled. */
  async close(): Promise<void> {
    const token = await this.#tokens.surrender();
    if (token === undefined) return;
    const url = routeUrl(this.#api, ['token', 'session']);
    const signal = deadline(closeWithin);
    const budget = new RetryBudget();
    for (;;) {
      try {
        const request = { method: 'DELETE', url, headers: {}, signal } as const;
        const { answer } = await follow(request, { api: this.#api, token, exchange });
        answer.body.destroy();
        return;
      } catch (error) {
        const failure = error instanceof TransientFailure ? error : undefined;
        if (failure !== undefined && (await budget.again(failure, signal).catch(() => false))) continue;
        this.#log?.warn(
          { error: describe(error) },
          'the session in Girder could not be deleted; it will expire',
        );
        return;
      }
    }
  }

  async #ask(ask: Ask, wire: Wire, signal: AbortSignal): Promise<Answer> {
    const token = await this.#tokens.token(signal);
    const first = await this.#follow(ask, wire, { token, signal });
    if (first.answer.status !== 401) return this.#accepted(first, ask, signal);
    first.answer.body.destroy();
    const renewed = await this.#tokens.renew(token, signal);
    if (renewed === undefined) throw classify(parseRefusal(401, ''), this.#context(ask));
    // A stream is spent after one try; the caller sends what is missing with the new token.
    if (wire.isOnce === true) throw new TransientFailure('the session had ended', 0);
    return this.#accepted(await this.#follow(ask, wire, { token: renewed, signal }), ask, signal);
  }

  async #follow(
    ask: Ask,
    wire: Wire,
    { token, signal }: { token: string | undefined; signal: AbortSignal },
  ): Promise<FollowedAnswer> {
    const url = routeUrl(this.#api, ask.route, ask.query);
    const request = { method: ask.method, url, headers: wire.headers ?? {}, signal };
    try {
      return await follow(request, { api: this.#api, token, exchange: wire.exchange });
    } catch (error) {
      const where = `Girder ${this.apiUrl}`;
      if (error instanceof UntrustedServer) {
        throw new RunError('GirderUnavailable', `${where} shows an untrusted certificate: ${error.message}`);
      }
      if (!(error instanceof RedirectRefused)) throw error;
      const reason = ask.method === 'GET' ? 'GirderRefused' : 'GirderUnavailable';
      throw new RunError(reason, `${where} redirects ${ask.subject} ${error.message}`);
    }
  }

  async #accepted({ answer, origin }: FollowedAnswer, ask: Ask, signal: AbortSignal): Promise<Answer> {
    if (answer.status < 300) return answer;
    const text = await readText(answer.body, longestDocument, signal);
    if (origin !== this.#api.origin) {
      // Signed addresses of object stores expire; Girder makes a new one when it is asked again.
      throw new TransientFailure(`${origin}, where it redirects to, answers ${answer.status}`);
    }
    throw classify(parseRefusal(answer.status, text, answer.header('retry-after')), this.#context(ask));
  }

  #context(ask: Ask) {
    return { method: ask.method, subject: ask.subject, api: this.apiUrl };
  }

  #parse<T>(text: string, parse: (value: unknown) => T): T {
    try {
      return parse(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof UnexpectedAnswer)) throw error;
      const why = error instanceof UnexpectedAnswer ? error.message : 'it is not JSON';
      throw new RunError(
        'GirderUnavailable',
        `What answers at ${this.apiUrl} is not the API of a Girder: ${why}`,
      );
    }
  }
}

function formOf(form: Parameters | undefined): Wire {
  if (form === undefined) return { exchange };
  return {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    exchange: (request) => exchange(request, encodeParameters(form)),
  };
}

export type Timing = {
  /** For a document, or for the head of a download. */
  readonly answer: number;
  /** Without a byte of a download while we are ready for it, or without a byte taken of an upload. */
  readonly stall: number;
  /** For the answer to the end of a chunk: Girder hashes, stores and runs its plugins' listeners before it. */
  readonly store: number;
};

export const defaultTiming: Timing = { answer: 30_000, stall: 60_000, store: 300_000 };
