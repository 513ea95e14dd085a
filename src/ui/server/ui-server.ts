import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { KubeError } from '../../kube/kube-error.ts';
import { describe } from '../../support/errors.ts';
import { sendAsset } from './assets.ts';
import { refusalOf, safeHeaders } from './guard.ts';
import { answer, type Backend } from './routes.ts';

/** Requests that are open at once, of which each page has one for its updates and one for a log. */
const maxConnections = 128;

/** A running server of `dockerrun ui`. */
export type UiServer = AsyncDisposable & {
  /** With the token after the #, which browsers neither send to servers nor to other sites. */
  readonly address: string;
};

/**
 * Serves the page and its data on 127.0.0.1.
 *
 * @param port 0 for any free one
 * @throws Error if the port is in use
 */
export async function startUiServer(backend: Backend, port: number): Promise<UiServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value);
    const refusal = refusalOf(request, { port: portOf(server), token });
    if (refusal !== undefined) return sendError(response, refusal.status, refusal.error);
    respond(backend, request, response).catch((error: unknown) => fail(response, error));
  });
  server.maxConnections = maxConnections;
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${portOf(server)}/#token=${token}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(backend: Backend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (!pathname.startsWith('/api/')) return sendAsset(pathname, request, response);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, backend.stop]);
  await answer(backend, { request, response, pathname, query: searchParams, signal });
}

/** An answer that has begun can only be cut off. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else
    sendError(response, error instanceof KubeError && error.status > 0 ? error.status : 502, describe(error));
}

function sendError(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error }));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
