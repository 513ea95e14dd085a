import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChunkedPost } from '../../../src/io/chunked-post.ts';

const never = new AbortController().signal;

/** A server that handles each request with the given function, and its URL. */
async function aServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server: Server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/in?key=hidden`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no failure';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('every write is a chunk, and the request has the given headers', async () => {
  const chunks: string[] = [];
  let headers: IncomingMessage['headers'] = {};
  await using server = await aServer((request, response) => {
    headers = request.headers;
    request.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    request.on('end', () => response.end('ok'));
  });
  const post = new ChunkedPost({ url: server.url, headers: { 'Girder-Token': 't' } }, never);
  for (const text of ['one', 'two', 'three']) {
    await post.write(Buffer.from(text));
    while (!chunks.includes(text)) await new Promise((resolve) => setImmediate(resolve));
  }
  await post.finish();
  assert.equal(chunks, ['one', 'two', 'three']);
  assert.is(headers['transfer-encoding'], 'chunked');
  assert.is(headers['girder-token'], 't');
});

test('a stream without bytes is an empty body', async () => {
  let bytes = -1;
  await using server = await aServer((request, response) => {
    bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.end());
  });
  await new ChunkedPost({ url: server.url, headers: {} }, never).finish();
  assert.is(bytes, 0);
});

test('the buffer of a chunk may be reused once it is written', async () => {
  const received: Buffer[] = [];
  await using server = await aServer((request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () => response.end());
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  const buffer = Buffer.alloc(64 * 1024);
  for (let round = 0; round < 50; round += 1) {
    buffer.fill(round);
    await post.write(buffer);
  }
  await post.finish();
  const all = Buffer.concat(received);
  assert.is(all.length, 50 * buffer.length);
  for (let round = 0; round < 50; round += 1) {
    assert.ok(
      all.subarray(round * buffer.length, (round + 1) * buffer.length).every((byte) => byte === round),
    );
  }
});

test('a refusal is a failure that names the URL without its query', async () => {
  for (const status of [302, 404, 500]) {
    await using server = await aServer((request, response) => {
      request.resume().on('end', () => response.writeHead(status, { location: 'http://other/' }).end());
    });
    const post = new ChunkedPost({ url: server.url, headers: {} }, never);
    await post.write(Buffer.from('x'));
    const message = await failureOf(post.finish());
    assert.match(message, new RegExp(`/in does not accept the stream: it answered ${status}`));
    assert.not.match(message, /hidden/);
  }
});

test('an early refusal makes the next writes fail', async () => {
  await using server = await aServer((request, response) => {
    request.once('data', () => response.writeHead(401).end());
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  const forEver = async () => {
    for (;;) await post.write(Buffer.alloc(64 * 1024));
  };
  assert.match(await failureOf(forEver()), /it answered 401: check the headers of the stream/);
});

test('a connection that breaks and a server that does not run are failures', async () => {
  await using server = await aServer((request) => {
    request.once('data', () => request.socket.destroy());
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  const forEver = async (one: ChunkedPost) => {
    for (;;) await one.write(Buffer.alloc(64 * 1024));
  };
  assert.match(await failureOf(forEver(post)), /does not accept the stream: /);
  const refused = new ChunkedPost({ url: 'http://127.0.0.1:1/', headers: {} }, never);
  assert.match(await failureOf(forEver(refused)), /ECONNREFUSED/);
});

test('a server that does not read blocks the writer, and a cancel releases it at once', async () => {
  await using server = await aServer((request) => void request.pause());
  const cancel = new AbortController();
  const post = new ChunkedPost({ url: server.url, headers: {} }, cancel.signal);
  let written = 0;
  // 100 MiB are more than all buffers in between can hold.
  const untilHeld = async () => {
    for (; written < 400; written += 1) await post.write(Buffer.alloc(256 * 1024));
    throw new Error('nothing held the writer back');
  };
  const ending = failureOf(untilHeld());
  for (let before = -1; before !== written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  cancel.abort(new Error('enough'));
  assert.match(await ending, /enough/);
});

test('an answer that begins early is not a failure while the server continues to read', async () => {
  let bytes = 0;
  await using server = await aServer((request, response) => {
    response.writeHead(200).flushHeaders();
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.end('done'));
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  for (let round = 0; round < 50; round += 1) await post.write(Buffer.alloc(1000));
  await post.finish();
  assert.is(bytes, 50_000);
});

test('an answer that ends before the stream is a failure', async () => {
  await using server = await aServer((request, response) => {
    request.once('data', () => response.end('enough'));
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  const forEver = async () => {
    for (;;) await post.write(Buffer.alloc(64 * 1024));
  };
  assert.match(await failureOf(forEver()), /answered before the end of the stream|was closed/);
});

/** Node exposes `gc` only with a flag; set at run time, it applies to contexts that are created later. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
}

test('a hundred thousand small writes do not accumulate in memory', async () => {
  await using server = await aServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  const post = new ChunkedPost({ url: server.url, headers: {} }, never);
  const line = Buffer.alloc(64);
  for (let round = 0; round < 1_000; round += 1) await post.write(line);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 100_000; round += 1) await post.write(line);
  collectGarbage();
  const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  await post.finish();
  assert.ok(grown < 20, `${grown.toFixed(1)} MiB`);
});

test.run();
