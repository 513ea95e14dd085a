import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { deadline } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Connection } from './connection.ts';
import { KubeError } from './kube-error.ts';

/** Longer than the API server's own limit for a request that is no watch (60 s would hide a dead connection). */
const requestDeadlineMs = 30_000;

export type KubeRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  contentType?: string;
  signal: AbortSignal;
};

/** Sends a request and gives the parsed JSON answer; rejects with a KubeError within 30 s if there is none. */
export async function requestJson(connection: Connection, request: KubeRequest): Promise<unknown> {
  const signal = deadline(requestDeadlineMs, request.signal);
  try {
    const response = await openResponse(connection, { ...request, signal });
    return JSON.parse(await readAll(response));
  } catch (error) {
    request.signal.throwIfAborted();
    throw asKubeError(request, error);
  }
}

/** Sends a request and gives the answer as soon as its headers are there; a refusal rejects with a KubeError. */
export async function openResponse(connection: Connection, request: KubeRequest): Promise<IncomingMessage> {
  const headers: Record<string, string> = {
    ...(await connection.authenticate()),
    accept: 'application/json',
  };
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  if (body !== undefined) {
    headers['content-type'] = request.contentType ?? 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  const url = new URL(request.path, connection.server);
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
  const response = await send(url, connection, {
    method: request.method,
    headers,
    signal: request.signal,
    body,
  });
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw refusal(request, response, await readAll(response));
}

function send(
  url: URL,
  connection: Connection,
  options: { method: string; headers: Record<string, string>; signal: AbortSignal; body: string | undefined },
): Promise<IncomingMessage> {
  const { body, ...rest } = options;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...rest, agent: connection.agent }, resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(request: KubeRequest, response: IncomingMessage, text: string): KubeError {
  const body = parseStatus(text);
  const retryAfter = Number(response.headers['retry-after']);
  return new KubeError(
    body.message ?? `${request.method} ${request.path}: ${response.statusCode} ${text.slice(0, 200)}`,
    {
      status: response.statusCode ?? 0,
      ...(body.reason === undefined ? {} : { reason: body.reason }),
      retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

/** The reason and message of a `Status` object, as far as the text is one. */
export function parseStatus(text: string): { reason?: string; message?: string; code?: number } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    return {
      ...('reason' in value && typeof value.reason === 'string' ? { reason: value.reason } : {}),
      ...('message' in value && typeof value.message === 'string' ? { message: value.message } : {}),
      ...('code' in value && typeof value.code === 'number' ? { code: value.code } : {}),
    };
  } catch {
    return {};
  }
}

function asKubeError(request: KubeRequest, error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  return new KubeError(
    `${request.method} ${request.path}: no answer from the API server: ${describe(error)}`,
    {
      status: 0,
      cause: error,
    },
  );
}
