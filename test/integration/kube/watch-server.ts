import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServerClock } from '../../../src/kube/connection.ts';
import type { Connection } from '../../../src/kube/connection.ts';

/** How long a test waits for the next request, or for any other condition, before it fails. */
export const patienceMs = 30_000;

/** An object of the API server as far as a cache reads it. */
export function anObject(name: string, resourceVersion: number, value = ''): object {
  const metadata = { namespace: 'lab', name, uid: `uid-${name}`, resourceVersion: String(resourceVersion) };
  return { metadata, data: { value } };
}

/** One request, which a test answers by hand in the API server's format. */
export class Exchange {
  readonly url: URL;
  readonly response: ServerResponse;
  readonly at = performance.now();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.url = new URL(request.url ?? '/', 'http://server');
    this.response = response;
  }

  get isWatch(): boolean {
    return this.url.searchParams.get('watch') === 'true';
  }

  query(name: string): string | null {
    return this.url.searchParams.get(name);
  }

  /** Answers a list, or a page of it. */
  list(resourceVersion: number, items: readonly object[], continueToken?: string): void {
    const metadata = { resourceVersion: String(resourceVersion), continue: continueToken };
    this.#answer(200, { kind: 'List', metadata, items });
  }

  /** Refuses the request with a `Status` object. */
  refuse(code: number, reason: string, headers: Record<string, string> = {}): void {
    this.#answer(
      code,
      { kind: 'Status', status: 'Failure', message: `refused: ${reason}`, reason, code },
      headers,
    );
  }

  /** Starts the stream of a watch. */
  stream(): this {
    this.response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    return this;
  }

  event(type: string, object: object): this {
    this.response.write(`${JSON.stringify({ type, object })}\n`);
    return this;
  }

  bookmark(resourceVersion: number): this {
    return this.event('BOOKMARK', { metadata: { resourceVersion: String(resourceVersion) } });
  }

  /** Ends the stream as the API server does when its time is over. */
  end(): void {
    this.response.end();
  }

  /** Breaks the connection in the middle of a line. */
  reset(): void {
    this.response.write('{"type":"ADDED","object":{"metada', () => this.response.socket?.resetAndDestroy());
  }

  #answer(code: number, body: object, headers: Record<string, string> = {}): void {
    this.response
      .writeHead(code, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body));
  }
}

/** A server that a test scripts answer by answer, for what the real API server does only when it fails. */
export class WatchServer implements AsyncDisposable {
  readonly #arrived: Exchange[] = [];
  #onArrival: () => void = () => undefined;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer((request, response) => {
    this.#arrived.push(new Exchange(request, response));
    this.#onArrival();
  });

  static async start(): Promise<WatchServer> {
    const server = new WatchServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get connection(): Connection {
    const { port } = this.#server.address() as AddressInfo;
    return {
      server: new URL(`http://127.0.0.1:${port}`),
      agent: this.#agent,
      authenticate: async () => ({ authorization: 'Bearer test' }),
      namespace: 'lab',
      clock: new ServerClock(),
    };
  }

  /** The next request, in order of arrival. */
  async next(withinMs = patienceMs): Promise<Exchange> {
    const late = setTimeout(() => this.#onArrival(), withinMs);
    if (this.#arrived.length === 0) await new Promise<void>((resolve) => (this.#onArrival = resolve));
    clearTimeout(late);
    const exchange = this.#arrived.shift();
    if (exchange === undefined) throw new Error(`no request came within ${withinMs / 1000} s`);
    return exchange;
  }

  /** The next request, which must be a list. */
  async nextList(): Promise<Exchange> {
    const exchange = await this.next();
    if (exchange.isWatch) throw new Error(`a list was expected, not ${exchange.url.search}`);
    return exchange;
  }

  /** The next request, which must be a watch. */
  async nextWatch(): Promise<Exchange> {
    const exchange = await this.next();
    if (!exchange.isWatch) throw new Error(`a watch was expected, not ${exchange.url.search}`);
    return exchange;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
