import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Open connections; a newer one takes the place of the oldest, because an answer takes milliseconds. */
const maxConnections = 128;

/** How long a client may take for its request, and how long it may then be silent. */
const requestMs = 1_000;

type Served = {
  readonly port: number;
  readonly address?: string | undefined;
  /** Only who knows it gets an answer; a random uuid, which the API server gave the pod. */
  readonly podUid: string;
  /** Whether a request may have a query; else it is not found. */
  readonly takesQuery?: boolean;
  /** Called with the headers of each question that is answered. */
  readonly onQuestion?: ((headers: IncomingHttpHeaders) => void) | undefined;
  /** Its time and memory must be bounded, also for many requests at once. */
  readonly body: (query: URLSearchParams) => Buffer;
};

/**
 * Serves JSON, which has no secrets, at `/<uid of the pod>` for the controller to poll. Every pod and target of the
 * cluster may reach the port, so a connection without the uid costs close to nothing. Errors are ignored: if the port
 * is in use, nothing is served.
 */
export function servePod({ port, address, podUid, takesQuery, onQuestion, body }: Served): {
  close: () => void;
} {
  const sockets = new Set<Socket>();
  const limits = { maxHeaderSize: 4_096, connectionsCheckingInterval: requestMs / 2 };
  const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs };
  const server = createServer({ ...limits, ...timeouts }, ({ method, url = '', headers }, response) => {
    const [path, query = ''] = takesQuery === true ? splitOnce(url) : [url];
    if (path !== `/${podUid}`) answer(response, 404);
    else if (method !== 'GET') answer(response, 405);
    else {
      onQuestion?.(headers);
      answer(response, 200, body(new URLSearchParams(query)));
    }
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setTimeout(requestMs, () => socket.destroy());
    const [oldest] = sockets;
    if (sockets.size > maxConnections) oldest?.destroy();
  });
  server.on('error', () => undefined);
  server.listen(port, address).unref();
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function splitOnce(url: string): [string, string?] {
  const at = url.indexOf('?');
  return at === -1 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}

function answer(response: ServerResponse, status: number, body: Buffer = Buffer.alloc(0)): void {
  const headers = { 'content-type': 'application/json', 'content-length': body.length, connection: 'close' };
  response.writeHead(status, headers).end(body);
}
