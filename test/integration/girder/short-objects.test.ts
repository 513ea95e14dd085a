import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem } from '../../../src/girder/upload/upload.ts';
import { RunError } from '../../../src/support/errors.ts';

const signal = new AbortController().signal;
const mebi = 1024 * 1024;
const itemId = '5f0c00000000000000000001';
const fileId = '5f0c00000000000000000003';

/**
 * A Girder whose object store keeps only the first `kept` chunks of an upload, while the file has the size of
 * all of them: what happens to the parts above the 1000th. Only the number of parts is smaller. All bytes are
 * zero.
 */
class CuttingGirder implements AsyncDisposable {
  readonly deleted: string[] = [];
  readonly #kept: number;
  readonly #hasRanges: boolean;
  #size = 0;
  #received = 0;
  #chunks = 0;
  #stored = 0;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  constructor({ kept, hasRanges }: { kept: number; hasRanges: boolean }) {
    this.#kept = kept;
    this.#hasRanges = hasRanges;
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let length = 0;
    let form = '';
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length < 10_000) form += chunk.toString('latin1');
    }
    const route = `${request.method} ${new URL(request.url ?? '', 'http://girder').pathname.slice('/api/v1'.length)}`;
    if (route.endsWith('/download')) this.#download(request, response);
    else response.end(JSON.stringify(this.#document(route, form, length)));
  }

  #document(route: string, form: string, length: number): unknown {
    if (route === 'POST /file') {
      this.#size = Number(new URLSearchParams(form).get('size'));
      [this.#received, this.#chunks, this.#stored] = [0, 0, 0];
    }
    if (route === 'POST /file/chunk') {
      this.#chunks += 1;
      this.#received += length;
      if (this.#chunks <= this.#kept) this.#stored += length;
    }
    if (route.startsWith('DELETE')) this.deleted.push(route);
    if (route.startsWith('GET /item')) return [];
    const isComplete = this.#received === this.#size;
    const file = { _id: fileId, name: 'big.bin', size: this.#size };
    return isComplete ? file : { ...file, _id: '5f0c00000000000000000002', received: this.#received };
  }

  #download({ headers }: IncomingMessage, response: ServerResponse): void {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (first === undefined || !this.#hasRanges) {
      response.writeHead(200, { 'Content-Length': this.#stored }).end(Buffer.alloc(this.#stored));
      return;
    }
    if (Number(first) >= this.#stored) {
      response.writeHead(416, { 'Content-Range': `bytes */${this.#stored}` }).end();
      return;
    }
    const end = Math.min(Number(last), this.#stored - 1);
    response.writeHead(206, { 'Content-Range': `bytes ${first}-${end}/${this.#stored}` });
    response.end(Buffer.alloc(end - Number(first) + 1));
  }
}

for (const { kept, hasRanges } of [
  { kept: 1, hasRanges: true },
  { kept: 1, hasRanges: false },
  { kept: 2, hasRanges: true },
  { kept: 2, hasRanges: false },
]) {
  const what = kept === 2 ? 'whole object is a result' : 'cut object is no result';
  test(`a ${what}, from a store ${hasRanges ? 'with' : 'without'} ranges`, async () => {
    await using girder = new CuttingGirder({ kept, hasRanges });
    const client = await openGirder({ apiUrl: await girder.start(), credentials: { token: 't' }, signal });
    const directory = await mkdtemp(join(tmpdir(), 'girder-test-'));
    try {
      await using source = await open(join(directory, 'big.bin'), 'w+');
      const size = 65 * mebi;
      await source.truncate(size);
      const upload = uploadToItem(client, { itemId, name: 'big.bin', source, size }, { signal });
      const outcome: unknown = await upload.catch((error: unknown) => error);
      if (kept === 2) {
        assert.is((outcome as { fileId: string }).fileId, fileId);
        return;
      }
      assert.instance(outcome, RunError);
      assert.is((outcome as RunError).reason, 'UploadFailed');
      assert.match((outcome as RunError).message, 'incorrectly');
      assert.ok(girder.deleted.includes(`DELETE /file/${fileId}`));
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

test.run();
