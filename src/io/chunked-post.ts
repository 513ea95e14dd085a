import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import { setImmediate } from 'node:timers/promises';
import { proxyFor, proxyHeaders, tunnelAgent } from '../support/egress.ts';
import { describe } from '../support/errors.ts';
import { userAgent } from '../support/version.ts';
import { Watchdog } from '../support/watchdog.ts';

/** How long the server may accept no byte, including the time to connect. */
const stallMs = 120_000;
/** How long the server may take to respond to the end of the body. */
const answerMs = 300_000;

/** Where the bytes go; the headers must not be those that the request itself sets (see isForbiddenHeader). */
export type PostTarget = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/**
 * One POST request with Transfer-Encoding: chunked, sent while its body is produced: each write is one chunk.
 * Redirects are not followed, because the bytes cannot be sent again. A response other than 2xx, even an
 * early one, rejects the pending write or the end; so does any response that ends before the body.
 */
export class ChunkedPost {
  readonly #where: string;
  readonly #request: ClientRequest;
  readonly #watchdog: Watchdog;
  readonly #accepted = Promise.withResolvers<void>();
  #failure: Error | undefined;
  /** Why the connection broke; used only when it closes without a response, which would explain more. */
  #broken: unknown;
  /** Rejects the pending write. */
  #rejectWrite: ((failure: Error) => void) | undefined;
  #hasEnded = false;

  constructor({ url, headers }: PostTarget, signal: AbortSignal) {
    const { origin, pathname } = new URL(url);
    // Without the query, which may contain a secret.
    this.#where = `${origin}${pathname}`;
    this.#watchdog = new Watchdog(stallMs, 'byte accepted', signal);
    const way = wayTo(new URL(url));
    this.#request = (way.isSecure ? requestHttps : requestHttp)(url, {
      method: 'POST',
      ...way.options,
      headers: {
        'Content-Type': 'application/octet-stream',
        'User-Agent': userAgent,
        ...headers,
        ...way.headers,
        'Transfer-Encoding': 'chunked',
      },
    });
    this.#accepted.promise.catch(() => undefined);
    this.#request.once('response', (response) => this.#onAnswer(response));
    this.#request.on('error', (error) => (this.#broken ??= error));
    this.#request.once('close', () => this.#onClose());
    const stopping = this.#watchdog.signal;
    stopping.addEventListener('abort', () => this.#settle(stopping.reason));
    if (stopping.aborted) this.#settle(stopping.reason);
    this.#watchdog.pause();
  }

  /** Sends one chunk, one at a time; resolves when the connection has accepted it. */
  async write(chunk: Buffer): Promise<void> {
    // Reads a response that has already arrived first: a write into a closed connection would lose it.
    await setImmediate();
    if (this.#failure !== undefined) throw this.#failure;
    if (chunk.length === 0) return;
    this.#watchdog.touch();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#rejectWrite = reject;
    this.#request.write(chunk, (error) => {
      if (error == null) resolve();
      else this.#broken ??= error;
    });
    try {
      await promise;
    } finally {
      this.#rejectWrite = undefined;
      this.#watchdog.pause();
    }
  }

  /** Ends the body; resolves when the server has accepted all of it. */
  async finish(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#hasEnded = true;
    this.#watchdog.expect(answerMs, 'answer to the end of the stream');
    this.#request.end();
    try {
      await this.#accepted.promise;
    } finally {
      this.#watchdog.stop();
    }
  }

  /** Breaks off the request; the server sees that the body is not complete. */
  abort(): void {
    this.#watchdog.stop();
    this.#request.destroy();
  }

  #onAnswer(response: IncomingMessage): void {
    response.on('error', () => undefined).resume();
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode > 299) {
      this.#settle(new Error(`it answered ${statusCode}${hint(statusCode)}`));
    } else if (this.#hasEnded) this.#accepted.resolve();
    else response.once('end', () => this.#onEarlyEnd());
  }

  /** Some servers start their response before the end of the body; only its end counts. */
  #onEarlyEnd(): void {
    if (this.#hasEnded) this.#accepted.resolve();
    else this.#settle(new Error('it answered before the end of the stream'));
  }

  #onClose(): void {
    this.#settle(this.#broken ?? new Error('the connection was closed'));
  }

  /** The first failure counts. */
  #settle(error: unknown): void {
    if (this.#failure === undefined) {
      const text = `${this.#where} does not accept the stream: ${describe(error)}`;
      this.#failure = new Error(text, { cause: error });
    }
    this.#accepted.reject(this.#failure);
    this.#rejectWrite?.(this.#failure);
    this.#request.destroy();
  }
}

/** A proxy forwards a plain request, and connects to an encrypted server. */
function wayTo(url: URL): { isSecure: boolean; options: RequestOptions; headers: Record<string, string> } {
  const proxy = proxyFor(url);
  const isSecure = url.protocol === 'https:';
  if (proxy === undefined) return { isSecure, options: { agent: false }, headers: {} };
  if (isSecure) return { isSecure, options: { agent: tunnelAgent(proxy) }, headers: {} };
  const { hostname, port, protocol } = proxy.url;
  const isSecureProxy = protocol === 'https:';
  const to = { hostname: hostname.replace(/^\[|\]$/g, ''), port: port || (isSecureProxy ? 443 : 80) };
  const options = { ...to, path: `${url.origin}${url.pathname}${url.search}`, agent: false } as const;
  return { isSecure: isSecureProxy, options, headers: { Host: url.host, ...proxyHeaders(proxy) } };
}

function hint(status: number): string {
  if (status >= 300 && status < 400) return ', but a stream cannot be redirected: use its final address';
  return status === 401 || status === 403 ? ': check the headers of the stream' : '';
}
