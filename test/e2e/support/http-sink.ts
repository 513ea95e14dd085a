import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { environment } from './environment.ts';

/** A request with the chunks of its body as they arrived. */
export type Received = {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly chunks: Buffer[];
  /** Whether the body arrived completely. */
  isComplete: boolean;
};

/** Handles a request; the default answer is 200 after the end of the body. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** The address of the node on the pod network, where pods can reach a server of a test. */
export function podBridgeAddress(): string {
  return new URL(environment('GIRDER_API_URL')).hostname;
}

/** An HTTP server that pods can reach and that records every request. */
export class HttpSink implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Server;

  private constructor(answer: Answer | undefined) {
    this.#server = createServer((request, response) => {
      request.on('error', () => undefined);
      if (answer === undefined) this.#keep(request, response);
      else answer(request, response);
    });
  }

  /** Starts on a free port. */
  static async start(answer?: Answer): Promise<HttpSink> {
    const sink = new HttpSink(answer);
    await new Promise<void>((resolve) => sink.#server.listen(0, podBridgeAddress(), resolve));
    return sink;
  }

  get url(): string {
    return `http://${podBridgeAddress()}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The bodies of all requests for this path and query. */
  bytesOf(path: string): Buffer {
    return Buffer.concat(this.received.filter(({ url }) => url === path).flatMap(({ chunks }) => chunks));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', headers } = request;
    const received: Received = { url, headers, chunks: [], isComplete: false };
    this.received.push(received);
    request.on('data', (chunk: Buffer) => received.chunks.push(chunk));
    request.on('end', () => {
      received.isComplete = request.complete;
      response.end();
    });
  }
}
