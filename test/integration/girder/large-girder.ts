import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

export const id = (index: number) => (index + 1).toString(16).padStart(24, '0');

const contents = Buffer.from('tile');

/** So many of the newest items are listed. */
const maxNewest = 1000;

/**
 * What no Girder holds or takes within a test: an item with very many empty files, a folder of items with very many
 * small files, and a folder that takes them. Girder itself needs some 8 ms for a file down and 21 ms for one up.
 */
export class LargeGirder implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #count: number;
  readonly #nameOf: (index: number) => string;
  #newest: { readonly _id: string; readonly name: string }[] = [];
  #stored = 0;

  private constructor(count: number, nameOf: (index: number) => string) {
    this.#count = count;
    this.#nameOf = nameOf;
  }

  static async start(count: number, nameOf: (index: number) => string): Promise<LargeGirder> {
    const girder = new LargeGirder(count, nameOf);
    await new Promise<void>((resolve) => girder.#server.listen(0, '127.0.0.1', resolve));
    return girder;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** How many files were sent to it. */
  get stored(): number {
    return this.#stored;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://girder');
    if (pathname.endsWith('/resource/download')) {
      const { item } = JSON.parse(searchParams.get('resources') ?? '{}') as { item: string[] };
      response.end(archiveOf(item.map((one) => this.#nameOf(Number.parseInt(one, 16) - 1))));
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    const answer = () =>
      pathname.endsWith('/file') ? this.#store(searchParams) : this.#document(pathname, searchParams);
    request.resume().once('end', () => response.end(JSON.stringify(answer())));
  }

  #store(query: URLSearchParams): unknown {
    const [name, size] = [query.get('name') ?? '', Number(query.get('size'))];
    const _id = id(this.#stored);
    this.#stored += 1;
    this.#newest.push({ _id, name });
    if (this.#newest.length > 2 * maxNewest) this.#newest = this.#newest.slice(-maxNewest);
    return { _id, name, size, itemId: _id, created: '2026-01-01T00:00:00' };
  }

  #document(pathname: string, query: URLSearchParams): unknown {
    if (pathname.endsWith('/details')) return { nItems: this.#count, nFolders: 0 };
    if (pathname.endsWith('/folder')) return [];
    if (query.get('sortdir') === '-1') return this.#newest.slice(-Number(query.get('limit'))).toReversed();
    if (pathname.endsWith('/item')) return this.#page(query, contents.length);
    if (pathname.endsWith('/files')) return this.#page(query, 0);
    return { _id: id(0), name: 'tiles' };
  }

  #page(query: URLSearchParams, size: number): unknown[] {
    const offset = Number(query.get('offset'));
    const length = Math.max(0, Math.min(Number(query.get('limit')), this.#count - offset));
    return Array.from({ length }, (_, index) => ({
      _id: id(offset + index),
      name: this.#nameOf(offset + index),
      size,
      created: '2026-01-01T00:00:00',
    }));
  }
}

/** A ZIP archive of small files. */
function archiveOf(names: readonly string[]): Buffer {
  const [files, entries]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const text of names) {
    const name = Buffer.from(text);
    const file = Buffer.alloc(30);
    file.writeUInt32LE(0x04034b50, 0);
    file.writeUInt32LE(crc32(contents), 14);
    file.writeUInt32LE(contents.length, 18);
    file.writeUInt32LE(contents.length, 22);
    file.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(crc32(contents), 16);
    entry.writeUInt32LE(contents.length, 20);
    entry.writeUInt32LE(contents.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    files.push(file, name, contents);
    entries.push(entry, name);
    offset += 30 + name.length + contents.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(names.length, 8);
  end.writeUInt16LE(names.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, directory, end]);
}
