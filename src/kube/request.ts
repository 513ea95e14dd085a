import { type Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { defined } from '../api/json-values.ts';
import { deadline, raceAbort, sleep } from '../support/abort.ts';
import { describe, errorCode } from '../support/errors.ts';
import { userAgent } from '../support/version.ts';
import { StalledError } from '../support/watchdog.ts';
import { type Connection, verbAndResource } from './connection.ts';
import { KubeError, retryAfterMs } from './kube-error.ts';
import { parseStatus } from './json.ts';

/** Not for watches. The API server's own limit, 60 s, would hide a dead connection for too long. */
const requestDeadlineMs = 30_000;

/** The wait after a 429 without Retry-After, and the shortest wait whatever Retry-After is. */
const defaultRetryAfterMs = 1_000;
const leastRetryAfterMs = 100;

type KubeRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Starts with /api or /apis. */
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  contentType?: string;
  /** The caller retries by itself, so a read that was answered with 429 is not sent again here. */
  once?: boolean;
  /** A longer answer is cut off; by default 16 MiB. */
  maxBytes?: number;
  /** Called with the bytes of the answer's body. */
  onBytes?: (bytes: number) => void;
  signal: AbortSignal;
};

/**
 * Sends a request and returns the parsed JSON answer; rejects with a KubeError if there is none within 30 s.
 * A read that is answered with 429 is sent again within that time; a write never is, because only its caller
 * can decide that.
 */
export async function requestJson(connection: Connection, request: KubeRequest): Promise<unknown> {
  const end = performance.now() + requestDeadlineMs;
  const signal = deadline(requestDeadlineMs, request.signal);
  for (;;) {
    try {
      const response = await openResponse(connection, { ...request, signal });
      const body = await readAll(response, request.maxBytes);
      request.onBytes?.(body.length);
      return JSON.parse(body.toString('utf8')) as unknown;
    } catch (error) {
      request.signal.throwIfAborted();
      const failure = signal.aborted ? timeoutError(connection, request) : asKubeError(request, error);
      const waitMs = retryReadMs(request, failure);
      if (waitMs === undefined || performance.now() + waitMs >= end) throw failure;
      await sleep(waitMs, request.signal);
    }
  }
}

/** How long to wait before a read is sent again, in milliseconds; undefined if it must not be. */
function retryReadMs({ method, once }: KubeRequest, failure: KubeError): number | undefined {
  if (method !== 'GET' || once === true || failure.status !== 429) return undefined;
  return Math.max(leastRetryAfterMs, retryAfterMs(failure) ?? defaultRetryAfterMs);
}

/** Resolves when the headers of the answer arrive; rejects with a KubeError for an error status. */
export async function openResponse(connection: Connection, request: KubeRequest): Promise<IncomingMessage> {
  // A credentials plugin may never answer.
  const credentials = await raceAbort(connection.authenticate(), request.signal);
  const began = performance.now();
  const observe = (code: number) => {
    const seconds = (performance.now() - began) / 1000;
    connection.observe?.({ ...verbAndResource(request), code, seconds });
  };
  const response = await sendTo(connection, request, credentials).catch((error: unknown) => {
    observe(0);
    throw error;
  });
  const status = response.statusCode ?? 0;
  observe(status);
  if (status >= 200 && status < 300) {
    // Errors may come from a load balancer, which has a clock of its own.
    connection.clock.observe(response.headers.date, began);
    return response;
  }
  throw statusError(request, response, (await readAll(response)).toString('utf8'));
}

function sendTo(
  connection: Connection,
  request: KubeRequest,
  credentials: Record<string, string>,
): Promise<IncomingMessage> {
  const { method, path, query = {}, contentType = 'application/json', signal } = request;
  const headers: Record<string, string> = {
    ...credentials,
    accept: 'application/json',
    'user-agent': userAgent,
  };
  const body = request.body === undefined ? undefined : bodyText(request.body, contentType);
  if (body !== undefined) {
    headers['content-type'] = contentType;
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  const url = new URL(path, connection.server);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return send(url, connection.agent, { method, headers, signal, body });
}

function bodyText(body: unknown, contentType: string): string {
  return contentType.endsWith('+yaml') ? applyBody(body) : JSON.stringify(body);
}

const notPlainInYaml = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * The body of a server-side apply. It has to be YAML, which contains JSON except for a few characters that
 * are escaped here (https://yaml.org/spec/1.2.2/#51-character-set). A lone surrogate becomes U+FFFD, as the
 * API server does in JSON.
 */
export function applyBody(object: unknown): string {
  const text = JSON.stringify(object, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
  return text.replace(
    notPlainInYaml,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

type Outgoing = {
  method: string;
  headers: Record<string, string>;
  signal: AbortSignal;
  body: string | undefined;
};

/**
 * Resolves when the headers of the answer arrive. A read that met a connection which the server had closed
 * while it was idle is sent again on another one, as Go's client does.
 */
function send(url: URL, agent: HttpAgent | HttpsAgent, outgoing: Outgoing): Promise<IncomingMessage> {
  const { body, ...options } = outgoing;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const sent = request(url, { ...options, agent }, (response) => {
      isAnswered = true;
      resolve(response);
    });
    sent.on('error', (error) => {
      // Errors after the headers are reported here as well; reading the body throws them.
      const wasClosed = !isAnswered && sent.reusedSocket && errorCode(error) === 'ECONNRESET';
      if (outgoing.method !== 'GET' || !wasClosed || outgoing.signal.aborted) reject(error);
      else send(url, agent, outgoing).then(resolve, reject);
    });
    sent.end(body);
  });
}

/** In bytes; far more than one object has. Pages of lists have a bound of their own. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/** An answer has more bytes than the request allows; its connection is closed. */
export class AnswerTooLargeError extends KubeError {}

/** Rejects when the body is cut off, and cuts it off after `maxBytes`. */
async function readAll(response: IncomingMessage, maxBytes = maxAnswerBytes): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new AnswerTooLargeError(`the answer has more than ${maxBytes} bytes`, { status: 0 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function statusError(request: KubeRequest, response: IncomingMessage, text: string): KubeError {
  const body = parseStatus(text);
  const header = response.headers['retry-after'];
  const retryAfter = header === undefined ? body.retryAfterSeconds : Number(header);
  return new KubeError(
    body.message ?? `${request.method} ${request.path}: ${response.statusCode} ${text.slice(0, 200)}`,
    {
      status: response.statusCode ?? 0,
      ...defined({ reason: body.reason }),
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

function timeoutError(connection: Connection, { method, path }: KubeRequest): KubeError {
  // When one connection died silently, idle ones of the same age have died as well.
  dropIdleSockets(connection.agent);
  const cause = new StalledError(`no complete answer within ${requestDeadlineMs / 1000} s`);
  return new KubeError(`${method} ${path}: ${cause.message}`, { status: 0, cause });
}

function asKubeError({ method, path }: KubeRequest, error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const message = `${method} ${path}: no answer from the API server: ${describe(error)}`;
  return new KubeError(message, { status: 0, cause: error });
}

/** Closes the idle connections, so that the next request opens a new one. */
export function dropIdleSockets(agent: HttpAgent | HttpsAgent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
