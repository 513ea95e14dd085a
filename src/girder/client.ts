import { deadline } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import type { SpeedLimit } from '../support/least-speed.ts';
import type { Logger } from '../support/log.ts';
import { Watchdog } from '../support/watchdog.ts';
import { encodeParameters, type Parameters, routeUrl } from './api-url.ts';
import { replaceToken, type TokenSource } from './credentials.ts';
import { parseTokenState, type TokenState, UnexpectedResponse } from './documents.ts';
import { classify, parseRefusal, untrusted } from './girder-error.ts';
import { type ByteSource, readText } from './http/byte-body.ts';
import { exchangeBytes } from './http/byte-exchange.ts';
import {
  bytesWire,
  exchange,
  type Exchange,
  follow,
  type FollowedResponse,
  formWire,
  type HttpResponse,
  type Method,
  type Wire,
} from './http/transport.ts';
import { RedirectRefused } from './http/redirect.ts';
import { RangeRefused, RefusedByProxy, RetryBudget, TransientFailure, UntrustedServer } from './retry.ts';
import { Pace } from './tree-transfer.ts';

/** In milliseconds, but for `speed`. */
export type Timing = {
  /** For a document, or for the head of a download. */
  readonly answer: number;
  /** Without a byte of a download while the sink accepts more, or without a byte of an upload being sent. */
  readonly stall: number;
  /**
   * For the response to the end of a chunk: Girder hashes and stores it and runs its plugins' listeners
   * first.
   */
  readonly store: number;
  /** Of one file, over all tries; the default is {@link defaultSpeedLimit}. */
  readonly speed?: SpeedLimit;
};

export const defaultTiming: Timing = { answer: 30_000, stall: 60_000, store: 300_000 };

/** `subject` is what the request is about, as messages name it: "file 5f0c…". */
type GirderRequest = {
  readonly method: Method;
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly signal: AbortSignal;
};

/** A request whose response is a document; the body, if any, is a form, or the bytes of a small file. */
type DocumentRequest<T> = GirderRequest & {
  readonly form?: Parameters;
  readonly file?: Buffer | undefined;
  readonly parse: (value: unknown) => T;
};

/** A request whose body is a stream of exactly `length` bytes; the watchdog guards it from start to end. */
type SendRequest<T> = GirderRequest & {
  readonly body: ByteSource;
  readonly length: number;
  readonly watchdog: Watchdog;
  readonly parse: (value: unknown) => T;
};

/** A request whose response is a long stream, which is read through `buffer`. */
type OpenRequest = GirderRequest & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly buffer: Buffer;
};

/** The default is not to log, `defaultTiming`, and that new credentials are there at once. */
type ClientOptions = {
  readonly log?: Logger | undefined;
  readonly timing?: Timing | undefined;
  /** How long to wait for new credentials after the old ones were rejected, in milliseconds. */
  readonly renewalMs?: number | undefined;
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  readonly redirects?: readonly string[] | undefined;
};

/** Bytes. The response to a sent stream is a short document. */
const responseBufferBytes = 16 * 1024;
const closeTimeoutMs = 5_000;
/** How many sessions may end while one page of a list is read. */
const maxSessions = 5;
export const maxDocumentBytes = 16 * 1024 * 1024;

const stateRequest = { method: 'GET', route: ['token', 'current'], subject: 'the token of the run' } as const;

/**
 * One Girder, used as one user. Every error it throws is a RunError, a TransientFailure or the reason of an
 * abort.
 */
export class GirderClient {
  readonly #api: URL;
  readonly #tokens: TokenSource;
  readonly #log: Logger | undefined;
  readonly #renewalMs: number;
  readonly #redirects: readonly string[] | undefined;
  readonly timing: Timing;
  /** Shared by all transfers of many files. */
  readonly pace = new Pace();

  constructor(api: URL, tokens: TokenSource, options: ClientOptions = {}) {
    this.#api = api;
    this.#tokens = tokens;
    this.#log = options.log;
    this.#renewalMs = options.renewalMs ?? 0;
    this.timing = options.timing ?? defaultTiming;
    this.#redirects = options.redirects;
  }

  get apiUrl(): string {
    return this.#api.href.replace(/\/$/, '');
  }

  /** Requests a document, with retries: only for requests that are safe to repeat. */
  async json<T>(request: DocumentRequest<T>): Promise<T> {
    return this.withRetries(request, () => this.jsonOnce(request));
  }

  /** Repeats `once` after each TransientFailure, for at most 90 seconds. */
  async withRetries<T>(
    request: Pick<GirderRequest, 'subject' | 'signal'>,
    once: () => Promise<T>,
  ): Promise<T> {
    const budget = new RetryBudget();
    for (;;) {
      try {
        return await once();
      } catch (error) {
        if (!(error instanceof TransientFailure)) throw error;
        await this.waitToRetry(budget, error, request);
      }
    }
  }

  /** Requests a document once. @throws TransientFailure for a failure that a retry may cure */
  async jsonOnce<T>(request: DocumentRequest<T>): Promise<T> {
    const { form, file, signal } = request;
    const limit = file === undefined ? this.timing.answer : this.timing.store;
    using watchdog = new Watchdog(limit, 'response', signal);
    const wire = file === undefined ? formWire(form && encodeParameters(form)) : bytesWire(file);
    const response = await this.#request(request, wire, watchdog.signal);
    return this.#parse(await readText(response.body, maxDocumentBytes, watchdog.signal), request.parse);
  }

  /**
   * Opens a stream from Girder. The caller pumps its body to the end or destroys it, and watches for stalls.
   */
  async open(request: OpenRequest): Promise<HttpResponse> {
    using watchdog = new Watchdog(this.timing.answer, 'response', request.signal);
    const wire = {
      headers: request.headers ?? {},
      exchange: (sent: Exchange) => exchangeBytes(sent, request),
    };
    return await this.#request(request, wire, watchdog.signal);
  }

  /** Sends a stream once; after a failure the caller has to find out how much of it arrived. */
  async send<T>(request: SendRequest<T>): Promise<T> {
    const { length, body, watchdog, parse } = request;
    const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': String(length) };
    const buffer = Buffer.allocUnsafeSlow(responseBufferBytes);
    const exchange = (sent: Exchange) => exchangeBytes(sent, { buffer, source: body });
    const response = await this.#request(request, { headers, exchange, isOnce: true }, watchdog.signal);
    return this.#parse(await readText(response.body, maxDocumentBytes, watchdog.signal), parse);
  }

  /**
   * Waits before the next attempt.
   * @throws RunError the failure's own error, or GirderUnavailable, when the budget is used up
   */
  async waitToRetry(
    budget: RetryBudget,
    failure: TransientFailure,
    { subject, signal }: Pick<GirderRequest, 'subject' | 'signal'>,
  ): Promise<void> {
    const { apiUrl: api } = this;
    this.pace.slowDown();
    if (await budget.waitToRetry(failure, signal)) {
      this.#log?.warn({ subject, api, error: failure.message }, 'request to Girder failed, retrying');
      return;
    }
    if (failure.ending?.error !== undefined) throw failure.ending.error;
    const text = `requests to Girder ${api} for ${subject} failed ${budget.attempts} times: ${failure.message}`;
    throw new RunError('GirderUnavailable', text);
  }

  /**
   * Asks with `ask`, and asks again if the session had ended by then: Girder takes an unknown token for no
   * token at all, and then answers with what is public, with status 200.
   * @throws RunError GirderUnauthorized if there are no credentials for another session
   */
  async inOneSession<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 0; tries < maxSessions; tries += 1) {
      const token = await this.#tokens.token(signal);
      const value = await ask();
      const isKnown = (await this.tokenState(signal)) !== undefined;
      if (isKnown && (await this.#tokens.token(signal)) === token) return value;
      if (isKnown) continue;
      const renewal = { rejected: token, ...this.#renewal(stateRequest, signal) };
      await this.withRetries(renewal, () => replaceToken(this.#tokens, renewal));
    }
    const text = `Girder ${this.apiUrl} ended ${maxSessions} sessions of the run while it listed a folder`;
    throw new RunError('GirderUnavailable', text);
  }

  /**
   * What Girder knows of the token of the next request; undefined if it does not know it, or if the token has ended:
   * MongoDB deletes it up to a minute later.
   */
  async tokenState(signal: AbortSignal): Promise<TokenState | undefined> {
    const state = await this.json({ ...stateRequest, signal, parse: parseTokenState });
    return state?.expires !== undefined && state.expires <= Date.now() ? undefined : state;
  }

  /** Deletes the session that was created from an API key: best effort, also after the run was cancelled. */
  async close(): Promise<void> {
    const token = await this.#tokens.takeOwn();
    if (token !== undefined) await this.#deleteSession(token);
  }

  async #deleteSession(token: string): Promise<void> {
    const url = routeUrl(this.#api, ['token', 'session']);
    const signal = deadline(closeTimeoutMs);
    const budget = new RetryBudget();
    for (;;) {
      try {
        const request = { method: 'DELETE', url, headers: {}, signal } as const;
        const { response } = await follow(request, { api: this.#api, token, exchange });
        response.body.destroy();
        return;
      } catch (error) {
        const failure = error instanceof TransientFailure ? error : undefined;
        if (failure !== undefined && (await budget.waitToRetry(failure, signal).catch(() => false))) continue;
        this.#log?.warn({ error: describe(error) }, 'cannot delete the session in Girder; it will expire');
        return;
      }
    }
  }

  async #request(request: GirderRequest, wire: Wire, signal: AbortSignal): Promise<HttpResponse> {
    const token = await this.#tokens.token(signal);
    const first = await this.#follow(request, wire, { token, signal });
    if (first.response.status !== 401) return this.#checkStatus(first, request, signal);
    first.response.body.destroy();
    if (!this.#tokens.isRenewable) throw classify(parseRefusal(401, ''), this.#context(request));
    const renewed = await this.#replace(token, request, signal);
    // A stream can be read only once; the caller sends the missing part with the new token.
    if (wire.isOnce === true) throw new TransientFailure('the session has expired', 0);
    return this.#checkStatus(await this.#follow(request, wire, { token: renewed, signal }), request, signal);
  }

  async #replace(rejected: string | undefined, request: GirderRequest, signal: AbortSignal): Promise<string> {
    // The token of a job has a scope of its own.
    const ofData = request.method === 'GET' ? 'read' : 'write';
    const access = request.route[0] === 'job' ? undefined : ofData;
    const known = await this.#stateOf(rejected, signal);
    const { token, left } = await replaceToken(this.#tokens, {
      rejected,
      known,
      access,
      ...this.#renewal(request, signal),
    });
    if (left !== undefined) await this.#deleteSession(left);
    return token;
  }

  #renewal({ subject }: Pick<GirderRequest, 'subject'>, signal: AbortSignal) {
    return { subject, api: this.apiUrl, waitMs: this.#renewalMs, signal };
  }

  /** For a token that was rejected: without another session, and undefined if Girder does not answer. */
  async #stateOf(token: string | undefined, signal: AbortSignal): Promise<TokenState | undefined> {
    try {
      const request = { ...stateRequest, signal };
      const { response } = await this.#follow(request, { exchange }, { token, signal });
      const text = await readText(response.body, maxDocumentBytes, signal);
      return response.status === 200 ? this.#parse(text, parseTokenState) : undefined;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  async #follow(
    { method, route, query, subject }: GirderRequest,
    wire: Wire,
    { token, signal }: { token: string | undefined; signal: AbortSignal },
  ): Promise<FollowedResponse> {
    const url = routeUrl(this.#api, route, query);
    const request = { method, url, headers: wire.headers ?? {}, signal };
    try {
      const { exchange } = wire;
      return await follow(request, { api: this.#api, token, exchange, redirects: this.#redirects });
    } catch (error) {
      if (error instanceof UntrustedServer) throw await untrusted(error, this.#api);
      const where = `Girder ${this.apiUrl}`;
      if (error instanceof RefusedByProxy) {
        throw new RunError('GirderUnavailable', `${where} cannot be reached: ${error.message}`);
      }
      if (!(error instanceof RedirectRefused)) throw error;
      const reason = method === 'GET' ? 'GirderRefused' : 'GirderUnavailable';
      throw new RunError(reason, `${where} redirects ${subject} ${error.message}`);
    }
  }

  async #checkStatus(
    { response, origin }: FollowedResponse,
    request: GirderRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { status } = response;
    if (status < 300) return response;
    const text = await readText(response.body, maxDocumentBytes, signal);
    if (status === 416) throw new RangeRefused(`${origin} returned 416: it has fewer bytes than expected`);
    if (origin !== this.#api.origin) {
      // Signed URLs of object stores expire; Girder creates a new one for the next request.
      throw new TransientFailure(`${origin}, to which it redirects, returned ${status}`);
    }
    throw classify(parseRefusal(status, text, response.header('retry-after')), this.#context(request));
  }

  #context({ method, subject }: GirderRequest) {
    return { method, subject, api: this.apiUrl };
  }

  #parse<T>(text: string, parse: (value: unknown) => T): T {
    try {
      return parse(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof UnexpectedResponse)) throw error;
      const why = error instanceof UnexpectedResponse ? error.message : 'its response is not JSON';
      throw new RunError('GirderUnavailable', `the server at ${this.apiUrl} is not a Girder API: ${why}`);
    }
  }
}
