import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { servedReport, type Report } from '../api/report.ts';

/** Open connections; a newer one takes the place of the oldest, because an answer takes milliseconds. */
const maxConnections = 128;

/** How long a client may take for its request, and how long it may then be silent. */
const requestMs = 1_000;

/** How old a report may be. Many requests at once share one, so they cost no more memory than one. */
const freshMs = 500;

type Served = {
  readonly port: number;
  /** Only who knows it gets the report; a random uuid, which the API server gave the pod. */
  readonly podUid: string;
  readonly report: () => Report;
};

/**
 * Serves the report, which has no secrets, as JSON at `/<uid of the pod>` for the controller to poll. Every
 * pod and target of the cluster may reach the port, so a connection without the uid costs close to nothing.
 * Errors are ignored: if the port is in use, there is no live progress, but the run continues.
 */
export function serveProgress({ port, podUid, report }: Served): { close: () => void } {
  const sockets = new Set<Socket>();
  let made: { readonly body: Buffer; readonly at: number } | undefined;
  const body = () => {
    const now = performance.now();
    if (made === undefined || now - made.at >= freshMs)
      made = { body: Buffer.from(servedReport(podUid, report())), at: now };
    return made.body;
  };
  const limits = { maxHeaderSize: 4_096, connectionsCheckingInterval: requestMs / 2 };
  const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs };
  const server = createServer({ ...limits, ...timeouts }, ({ method, url }, response) => {
    if (url !== `/${podUid}`) answer(response, 404);
    else if (method !== 'GET') answer(response, 405);
    else answer(response, 200, body());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setTimeout(requestMs, () => socket.destroy());
    const [oldest] = sockets;
    if (sockets.size > maxConnections) oldest?.destroy();
  });
  server.on('error', () => undefined);
  server.listen(port).unref();
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(response: ServerResponse, status: number, body: Buffer = Buffer.alloc(0)): void {
  const headers = { 'content-type': 'application/json', 'content-length': body.length, connection: 'close' };
  response.writeHead(status, headers).end(body);
}
