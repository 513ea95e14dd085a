import type { Socket } from 'node:net';
import { defaultTiming, GirderClient, type Timing } from '../../../src/girder/client.ts';
import { TokenSource } from '../../../src/girder/credentials.ts';
import { parseApiUrl } from '../../../src/girder/api-url.ts';
import { SocketServer } from '../../fixtures/socket-server.ts';

/** Writes one answer to a download to the socket, byte for byte. */
export type Answering = (socket: Socket, request: string) => void;

/** The token that every request to the server itself must carry. */
export const wireToken = 'w1r3t0k3n';

/**
 * A server that answers each download with the next script, and the request for the file's document with
 * `size`. It sends what a real Girder never sends.
 */
export class WireServer implements AsyncDisposable {
  /** The request lines and headers of the downloads. */
  readonly downloads: string[] = [];
  readonly #script: Answering[];
  readonly #size: number | undefined;
  readonly #server = new SocketServer((socket, request) => this.#answer(socket, request));

  private constructor(size: number | undefined, script: readonly Answering[]) {
    this.#size = size;
    this.#script = [...script];
  }

  static async start(size: number | undefined, script: readonly Answering[], host = '127.0.0.1') {
    const server = new WireServer(size, script);
    await server.#server.listen({ port: 0, host });
    return server;
  }

  get origin(): string {
    const { address, family, port } = this.#server.address;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  client(timing: Partial<Timing> = {}): GirderClient {
    const api = parseApiUrl(`${this.origin}/api/v1`);
    const all = { ...defaultTiming, ...timing };
    return new GirderClient(api, new TokenSource({ token: wireToken }), { timing: all });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  #answer(socket: Socket, request: string): void {
    if (!request.includes('/download')) return this.#describe(socket);
    this.downloads.push(request);
    const answering = this.#script.shift();
    if (answering === undefined) socket.end('HTTP/1.1 503 Out of script\r\nContent-Length: 0\r\n\r\n');
    else answering(socket, request);
  }

  #describe(socket: Socket): void {
    const document = JSON.stringify({
      _id: 'f',
      name: 'f',
      ...(this.#size === undefined ? {} : { size: this.#size }),
    });
    socket.end(
      `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${document.length}\r\n\r\n${document}`,
    );
  }
}
