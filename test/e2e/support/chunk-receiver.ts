import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request with the chunks of its body as they arrived. */
export type Received = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly chunks: Buffer[];
};

/** A server that accepts and records every request. */
export class ChunkReceiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #host: string;

  private constructor(host: string) {
    this.#host = host;
    this.#server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      const received: Received = { method, path: url, headers, chunks: [] };
      this.received.push(received);
      request.on('data', (chunk: Buffer) => received.chunks.push(chunk));
      request.on('end', () => response.end('taken'));
    });
  }

  /** Listens on a free port of an address of this machine. */
  static async listen(host: string): Promise<ChunkReceiver> {
    const receiver = new ChunkReceiver(host);
    receiver.#server.listen(0, host);
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get origin(): string {
    return `http://${this.#host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
