import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';

const id = (index: number) => (index + 1).toString(16).padStart(24, '0');

/** What no cluster has at hand: an item, or a folder of items, with very many empty files. */
class LargeGirder implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #count: number;
  readonly #nameOf: (index: number) => string;

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

  #answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://girder');
    if (pathname.endsWith('/resource/download')) {
      const { item } = JSON.parse(searchParams.get('resources') ?? '{}') as { item: string[] };
      response.end(emptyFiles(item.map((one) => this.#nameOf(Number.parseInt(one, 16) - 1))));
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(this.#document(pathname, searchParams)));
  }

  #document(pathname: string, query: URLSearchParams): unknown {
    if (pathname.endsWith('/details')) return { nItems: this.#count, nFolders: 0 };
    if (pathname.endsWith('/folder')) return [];
    if (pathname.endsWith('/item') || pathname.endsWith('/files')) return this.#page(query);
    return { _id: id(0), name: 'tiles' };
  }

  #page(query: URLSearchParams): unknown[] {
    const offset = Number(query.get('offset'));
    const length = Math.max(0, Math.min(Number(query.get('limit')), this.#count - offset));
    return Array.from({ length }, (_, index) => ({
      _id: id(offset + index),
      name: this.#nameOf(offset + index),
      size: 0,
      created: '2026-01-01T00:00:00',
    }));
  }
}

/** A ZIP archive of empty files. */
function emptyFiles(names: readonly string[]): Buffer {
  const [files, entries]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const text of names) {
    const name = Buffer.from(text);
    const file = Buffer.alloc(30);
    file.writeUInt32LE(0x04034b50, 0);
    file.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(crc32(''), 16);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    files.push(file, name);
    entries.push(entry, name);
    offset += 30 + name.length;
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

/** Downloads, and prints the files and the heap that each of them still holds at the end. */
const child = `
import { downloadFolder, downloadItem } from './src/girder/download/download.ts';
import { openGirder } from './src/girder/open-girder.ts';
const [apiUrl, kind, into, count] = process.argv.slice(1);
const signal = new AbortController().signal;
const client = await openGirder({ apiUrl, credentials: { token: 'x' }, signal });
const heap = () => (gc(), process.memoryUsage().heapUsed);
let [files, least, most] = [0, Infinity, 0];
const onCreate = ({ inode }) => {
  if (inode === undefined) return;
  files += 1;
  if (files === 2000) least = heap();
  if (files === Number(count)) most = heap();
};
const options = { signal, onCreate, isUndoneByCaller: true };
const id = '${id(0)}';
const done = kind === 'item'
  ? await downloadItem(client, { itemId: id, into }, options)
  : await downloadFolder(client, { folderId: id, into }, options);
console.log(JSON.stringify({ files: done.files, perFile: (most - least) / (files - 2000) }));
process.exit();
`;

/** Enough to see growth, and for one of them all that a download may have. */
for (const { kind, count, which, filler } of [
  { kind: 'item', count: 190_000, which: 'multi-byte', filler: '長'.repeat(80) },
  { kind: 'item', count: 20_000, which: 'long', filler: 'n'.repeat(190) },
  { kind: 'folder', count: 20_000, which: 'multi-byte', filler: '長'.repeat(80) },
  { kind: 'folder', count: 20_000, which: 'long', filler: 'n'.repeat(190) },
]) {
  test(`${kind} with ${count} files of ${which} names is downloaded in flat memory`, async () => {
    await using girder = await LargeGirder.start(count, (index) => `${index}${filler}`);
    using into = new ScratchDirectory('many-files');
    const limits = ['--expose-gc', '--max-old-space-size=96', '--input-type=module-typescript'];
    const given = [...limits, '-e', child, girder.apiUrl, kind, into.path, String(count)];
    const { stdout } = await promisify(execFile)(process.execPath, given);
    const { files, perFile } = JSON.parse(stdout) as { files: number; perFile: number };
    assert.is(files, count);
    assert.ok(perFile < 100, `${perFile} bytes of heap per file`);
  });
}

test.run();
