import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';

/** What the server in front of Girder does with a connection, once its first request has arrived. */
export type Fault = (socket: Socket, request: string) => void;

/** A certificate with its key, in PEM. */
type Identity = { readonly key: string; readonly cert: string };

/** A server in front of the real Girder that passes everything on, except while it has a fault. */
export class GirderGate implements AsyncDisposable {
  /** Requests that the fault took. */
  faults = 0;
  #fault: Fault | undefined;
  #part = '';
  readonly #upstream: URL;
  readonly #sockets = new Set<Socket>();
  readonly #server;
  readonly #scheme: string;

  private constructor(upstream: string, identity: Identity | undefined) {
    this.#upstream = new URL(upstream);
    this.#scheme = identity === undefined ? 'http' : 'https';
    const serve = (socket: Socket) => this.#serve(socket);
    this.#server = identity === undefined ? createServer(serve) : createSecureServer(identity, serve);
    // A handshake that fails: a certificate that the client refuses, or a client without TLS.
    this.#server.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy());
  }

  /** With a certificate it speaks TLS. */
  static async start(upstream: string, identity?: Identity, port = 0): Promise<GirderGate> {
    const gate = new GirderGate(upstream, identity);
    await new Promise<void>((resolve) => gate.#server.listen(port, '127.0.0.1', resolve));
    return gate;
  }

  get origin(): string {
    return `${this.#scheme}://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The address to use instead of the server's. */
  get url(): string {
    return `${this.origin}${this.#upstream.pathname}`;
  }

  /**
   * Applies the fault to requests that contain `part` from now on; connections that are open end, so that no
   * request passes by.
   */
  setFault(fault: Fault | undefined, part = ''): void {
    this.#fault = fault;
    this.#part = part;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.once('data', (data: Buffer) => {
      const fault = this.#fault;
      const request = data.toString('latin1');
      if (fault === undefined || !request.includes(this.#part)) return this.#pass(socket, data);
      this.faults += 1;
      socket.resume();
      fault(socket, request);
    });
  }

  #pass(socket: Socket, data: Buffer): void {
    const { hostname, port } = this.#upstream;
    const upstream = connect(Number(port), hostname);
    this.#sockets.add(upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
    socket.on('close', () => upstream.destroy());
    upstream.write(data);
    socket.pipe(upstream).pipe(socket);
  }
}

/** An answer with this status line, headers and body; the length is right unless a header has another. */
export function answer(status: string, body = '', ...headers: string[]): Fault {
  const hasLength = headers.some((header) => /^(Content-Length|Transfer-Encoding):/i.test(header));
  const length = hasLength ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [`HTTP/1.1 ${status}`, 'Connection: close', ...length, ...headers].join('\r\n');
  return (socket) => socket.end(`${head}\r\n\r\n${body}`);
}

/** An answer with an HTML page. */
export function page(status: string, title: string, ...headers: string[]): Fault {
  const body = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return answer(status, body, 'Content-Type: text/html', ...headers);
}
