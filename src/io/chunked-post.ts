import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { describe } from '../support/errors.ts';
import { Watchdog } from '../support/watchdog.ts';

/** Milliseconds: without a byte taken by a server that has to be connected first, and for its answer to the end. */
const stallMs = 120_000;
const answerMs = 300_000;

/** Where the bytes go, and with which headers. */
export type PostTarget = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/**
 * One POST request with Transfer-Encoding: chunked that is sent while its body comes into being: every write is one
 * chunk. Redirects are not followed, since what was sent cannot be sent again. An answer of another kind than 2xx, also
 * an early one, makes the next write or the end reject.
 */
export class ChunkedPost {
  readonly #where: string;
  readonly #request: ClientRequest;
  readonly #watchdog = new Watchdog(stallMs, 'byte taken');
  readonly #answer: Promise<void>;
  #failure: Error | undefined;

  constructor({ url, headers }: PostTarget, signal: AbortSignal) {
    const { origin, pathname, protocol } = new URL(url);
    // Without its query, which may hold a secret.
    this.#where = `${origin}${pathname}`;
    const stopping = AbortSignal.any([signal, this.#watchdog.signal]);
    this.#request = (protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent: false,
      headers: {
        'Content-Type': 'application/octet-stream',
        'User-Agent': 'dockerrun',
        ...headers,
        'Transfer-Encoding': 'chunked',
      },
      signal: stopping,
    });
    this.#answer = this.#answered(stopping).catch((error: unknown) => {
      this.#failure ??= asError(error);
    });
    this.#watchdog.pause();
  }

  /** Sends one chunk; resolves when the connection has taken it. */
  async write(chunk: Buffer): Promise<void> {
    this.#throwFailure();
    if (chunk.length === 0) return;
    this.#watchdog.touch();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#request.write(chunk, (error) => (error == null ? resolve() : reject(error)));
    try {
      await Promise.race([promise, this.#failed()]);
    } catch (error) {
      await this.#answer;
      throw this.#failure ?? this.#broken(error);
    } finally {
      this.#watchdog.pause();
    }
  }

  /** Ends the body; resolves when the server has accepted all of it. */
  async finish(): Promise<void> {
    this.#throwFailure();
    this.#watchdog.expect(answerMs, 'answer to the end of the stream');
    this.#request.end();
    try {
      await this.#answer;
    } finally {
      this.#watchdog.stop();
    }
    this.#throwFailure();
  }

  /** Breaks the request off: the server sees that the body is not complete. */
  abort(): void {
    this.#watchdog.stop();
    this.#request.destroy();
  }

  /** Rejects as soon as there is a failure. */
  async #failed(): Promise<never> {
    await this.#answer;
    throw this.#failure ?? new Error(`${this.#where} answered before the end of the stream`);
  }

  async #answered(stopping: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    this.#request.once('response', resolve);
    this.#request.on('error', reject);
    this.#request.once('close', () => reject(new Error('the connection was closed')));
    try {
      const response = await promise;
      response.on('error', () => undefined).resume();
      const { statusCode = 0 } = response;
      if (statusCode < 200 || statusCode > 299)
        throw new Error(`it answers ${statusCode}${hint(statusCode)}`);
    } catch (error) {
      this.#request.destroy();
      throw this.#broken(stopping.aborted ? stopping.reason : error);
    }
  }

  #broken(error: unknown): Error {
    return new Error(`${this.#where} does not take the stream: ${describe(error)}`, { cause: error });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function hint(status: number): string {
  if (status >= 300 && status < 400) return ', but a stream cannot be redirected: use its final address';
  return status === 401 || status === 403 ? ': see the headers of the stream' : '';
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
