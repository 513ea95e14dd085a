import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Generated = { readonly count: number; readonly documentAt: (index: number) => object };

/**
 * Stands before a Girder, and adds folders whose items exist only in its lists: a database with a million of them would
 * be most of what is measured. What is not a list of their items by name is answered by Girder.
 */
export class GeneratedLists implements AsyncDisposable {
  requests = 0;
  readonly #folders = new Map<string, Generated>();
  readonly #upstream: URL;
  readonly #server = createServer((incoming, outgoing) => this.#handle(incoming, outgoing));

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
  }

  static async start(upstream: string): Promise<GeneratedLists> {
    const lists = new GeneratedLists(upstream);
    await new Promise<void>((resolve) => lists.#server.listen(0, '127.0.0.1', resolve));
    return lists;
  }

  /** The address to use instead of Girder's. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#upstream.pathname}`;
  }

  /** Adds items to a folder that has none; the names that `documentAt` gives must be in order. */
  add(folderId: string, items: Generated): void {
    this.#folders.set(folderId, items);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.requests += 1;
    const { pathname, searchParams: query } = new URL(incoming.url ?? '/', this.#upstream);
    const items = pathname.endsWith('/item') ? this.#folders.get(query.get('folderId') ?? '') : undefined;
    if (items === undefined || incoming.method !== 'GET' || query.get('sort') !== 'name')
      return this.#forward(incoming, outgoing);
    const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))];
    const length = Math.max(0, Math.min(limit, items.count - offset));
    const page = Array.from({ length }, (_, index) => items.documentAt(offset + index));
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { hostname, port } = this.#upstream;
    const { method, url: path, headers } = incoming;
    const upstream = request({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    incoming.pipe(upstream);
  }
}
