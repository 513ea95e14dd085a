import { RunError } from '../support/errors.ts';
import type { SpeedLimit } from '../support/least-speed.ts';
import type { Logger } from '../support/log.ts';
import { StalledError, Watchdog } from '../support/watchdog.ts';
import {
  type DocumentRequest,
  encodeParameters,
  type GirderRequest,
  type OpenRequest,
  routeUrl,
  type SendRequest,
} from './api-url.ts';
import { deleteSession, type Rejection, replaceToken, type TokenSource } from './credentials.ts';
import { parseTokenState, type TokenState } from './documents.ts';
import {
  checkDownload,
  classify,
  classifyStore,
  type Context,
  parseDocument,
  parseRefusal,
  secureInstead,
  unreachable,
} from './girder-error.ts';
import { readText } from './http/byte-body.ts';
import { exchangeBytes } from './http/byte-exchange.ts';
import {
  bytesWire,
  exchange,
  type Exchange,
  follow,
  type FollowedResponse,
  formWire,
  type HttpResponse,
  type Wire,
} from './http/transport.ts';
import { defaultRetryLimits, type doubtfulMs, RangeRefused, RetryBudget, TransientFailure } from './retry.ts';
import { notingSlow } from './slow-answers.ts';
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

/** The default is not to log, `defaultTiming`, and that new credentials are there at once. */
type ClientOptions = {
  readonly log?: Logger | undefined;
  readonly timing?: Timing | undefined;
  /** How long to wait for new credentials after the old ones were rejected, in milliseconds. */
  readonly renewalMs?: number | undefined;
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  readonly redirects?: readonly string[] | undefined;
  /** How long to repeat a request whose failure may pass, in milliseconds; the default is 90 s. */
  readonly patienceMs?: number | undefined;
  /** Called with why a request has to wait, and with undefined at the next response. */
  readonly onWait?: ((why: string | undefined) => void) | undefined;
  /** Called before each repetition of a request, and after an answer that took long. */
  readonly onTrouble?: (() => void) | undefined;
};

/** Bytes. The response to a sent stream is a short document. */
const responseBufferBytes = 16 * 1024;
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
  readonly log: Logger | undefined;
  readonly #renewalMs: number;
  readonly #redirects: readonly string[] | undefined;
  readonly #patienceMs: number;
  readonly #onWait: ClientOptions['onWait'];
  readonly #onTrouble: ClientOptions['onTrouble'];
  /** Girder has answered at this address. */
  #isKnown = false;
  readonly timing: Timing;
  /** Shared by all transfers of many files. */
  readonly pace = new Pace();
  /** What the run would lose with a request; set it once the target has started. */
  atRisk: keyof typeof doubtfulMs = 'start';

  constructor(api: URL, tokens: TokenSource, options: ClientOptions = {}) {
    this.#api = api;
    this.#tokens = tokens;
    this.log = options.log;
    this.#renewalMs = options.renewalMs ?? 0;
    this.timing = options.timing ?? defaultTiming;
    this.#redirects = options.redirects;
    this.#patienceMs = options.patienceMs ?? defaultRetryLimits.totalMs;
    this.#onWait = options.onWait;
    this.#onTrouble = options.onTrouble;
  }

  /** A new budget for the retries of one operation. */
  budget(): RetryBudget {
    return new RetryBudget({ ...defaultRetryLimits, totalMs: this.#patienceMs });
  }

  get apiUrl(): string {
    return this.#api.href.replace(/\/$/, '');
  }

  /** Requests a document, with retries: only for requests that are safe to repeat. */
  async json<T>(request: DocumentRequest<T>): Promise<T> {
    return this.withRetries(request, () => notingSlow(this.jsonOnce(request), this.#onTrouble));
  }

  /** Repeats `once` after each TransientFailure, as long as the client has patience. */
  async withRetries<T>(
    request: Pick<GirderRequest, 'subject' | 'signal'>,
    once: () => Promise<T>,
  ): Promise<T> {
    const budget = this.budget();
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
    const received = await this.#request(request, wire, watchdog);
    return await this.#document(received, request, watchdog.signal);
  }

  /**
   * Opens a stream from Girder. The caller pumps its body to the end or destroys it, and watches for stalls.
   */
  async open(request: OpenRequest): Promise<HttpResponse> {
    using watchdog = new Watchdog(this.timing.answer, 'response', request.signal);
    const wire = {
      headers: request.headers ?? {},
      exchange: (sent: Exchange) => exchangeBytes(sent, request),
      isDownload: true,
    };
    const received = await this.#request(request, wire, watchdog);
    try {
      checkDownload(received, this.#context(request));
    } catch (error) {
      received.response.body.destroy();
      throw error;
    }
    this.#onWait?.(undefined);
    return received.response;
  }

  /** Sends a stream once; after a failure the caller has to find out how much of it arrived. */
  async send<T>(request: SendRequest<T>): Promise<T> {
    const { length, body, watchdog } = request;
    const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': String(length) };
    const buffer = Buffer.allocUnsafeSlow(responseBufferBytes);
    const exchange = (sent: Exchange) => exchangeBytes(sent, { buffer, source: body });
    const received = await this.#request(request, { headers, exchange, isOnce: true }, watchdog);
    return this.#document(received, request, watchdog.signal);
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
    const secure = budget.attempts === 2 ? await secureInstead(this.#api) : undefined;
    if (secure !== undefined) throw secure;
    const wait = budget.describeWait(this.#api, failure);
    if (wait !== undefined) this.#onWait?.(wait);
    if (await budget.waitToRetry(failure, signal)) {
      this.#onTrouble?.();
      this.log?.warn({ subject, api, error: failure.message }, 'request to Girder failed, retrying');
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
      const renewal = { rejected: token, ...this.#renewal({ ...stateRequest, signal }) };
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
    if (token !== undefined) await deleteSession(this.#api, token, this.log);
  }

  async #request(request: GirderRequest, wire: Wire, watchdog: Watchdog): Promise<FollowedResponse> {
    const { signal } = watchdog;
    // A new session has a time limit and retries of its own.
    const token = await watchdog.pausedFor(() => this.#tokens.token(request.signal));
    const first = await this.#follow(request, wire, { token, signal });
    if (first.response.status !== 401 || first.url.origin !== this.#api.origin)
      return this.#checkStatus(first, request, signal);
    const text = await readText(first.response.body, maxDocumentBytes, signal);
    const refusal = parseRefusal(401, text);
    // Girder's has a type. A page is that of another server, which requires a login that no token replaces.
    const isPage = refusal.type === undefined && text.trim() !== '';
    if (isPage || !this.#tokens.isRenewable) throw classify(refusal, this.#context(request));
    const renewed = await this.#replace(token, request, watchdog);
    // A stream can be read only once; the caller sends the missing part with the new token.
    if (wire.isOnce === true) throw new TransientFailure('the session has expired', 0);
    return this.#checkStatus(await this.#follow(request, wire, { token: renewed, signal }), request, signal);
  }

  async #replace(rejected: string | undefined, request: GirderRequest, watchdog: Watchdog): Promise<string> {
    // The token of a job has a scope of its own.
    const ofData = request.method === 'GET' ? 'read' : 'write';
    const access = request.route[0] === 'job' ? undefined : ofData;
    const known = await this.#stateOf(rejected, watchdog.signal);
    const rejection: Rejection = { rejected, known, access, ...this.#renewal(request) };
    const { token, left } = await watchdog.pausedFor(() => replaceToken(this.#tokens, rejection));
    if (left !== undefined) await deleteSession(this.#api, left, this.log);
    return token;
  }

  #renewal({ subject, signal }: Pick<GirderRequest, 'subject' | 'signal'>) {
    return { subject, api: this.apiUrl, waitMs: this.#renewalMs, signal };
  }

  /** For a token that was rejected: without another session, and undefined if Girder does not answer. */
  async #stateOf(token: string | undefined, signal: AbortSignal): Promise<TokenState | undefined> {
    try {
      const request = { ...stateRequest, signal };
      const received = await this.#follow(request, { exchange }, { token, signal });
      if (received.response.status === 200)
        return await this.#document(received, { ...request, parse: parseTokenState }, signal);
      received.response.body.destroy();
      return undefined;
    } catch {
      if (!(signal.reason instanceof StalledError)) signal.throwIfAborted();
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
      const { exchange, isDownload } = wire;
      const options = { api: this.#api, token, exchange, redirects: this.#redirects };
      return await follow(request, { ...options, isDocument: isDownload !== true });
    } catch (error) {
      const isDocument = wire.isDownload !== true;
      throw await unreachable(error, this.#api, { ...this.#context({ method, route, subject }), isDocument });
    }
  }

  async #checkStatus(
    followed: FollowedResponse,
    request: GirderRequest,
    signal: AbortSignal,
  ): Promise<FollowedResponse> {
    const { response, url } = followed;
    const { status } = response;
    if (status < 300) return followed;
    const text = await readText(response.body, maxDocumentBytes, signal);
    if (status === 416)
      throw new RangeRefused(`${url.origin} returned 416: it has fewer bytes than expected`);
    const refusal = parseRefusal(status, text, response.header('retry-after'));
    const context = this.#context(request);
    if (url.origin !== this.#api.origin) throw classifyStore(refusal, url.origin, context);
    this.#isKnown ||= refusal.type !== undefined;
    throw classify(refusal, context);
  }

  #context({ method, route, subject }: Pick<GirderRequest, 'method' | 'route' | 'subject'>): Context {
    const isOfData = !sessionRoutes.has(route[0] ?? '');
    const { apiUrl: api, atRisk } = this;
    return { method, subject, api, atRisk, isKnown: this.#isKnown, isOfData };
  }

  async #document<T>(
    received: FollowedResponse,
    request: GirderRequest & { readonly parse: (value: unknown) => T },
    signal: AbortSignal,
  ): Promise<T> {
    const text = await readText(received.response.body, maxDocumentBytes, signal);
    const document = parseDocument(text, request.parse, received, this.#context(request));
    this.#isKnown = true;
    this.#onWait?.(undefined);
    return document;
  }
}

/** What they do touches no file and no assetstore, so a server error there is one of Girder as a whole. */
const sessionRoutes = new Set(['token', 'api_key', 'user', 'system']);
