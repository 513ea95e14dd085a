import { setTimeout as pass } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeBytes } from '../../../src/girder/http/byte-exchange.ts';
import { streamFile } from '../../../src/girder/download/stream-file.ts';
import { RunError } from '../../../src/support/errors.ts';
import type { Timing } from '../../../src/girder/client.ts';
import { until } from '../../fixtures/until.ts';
import { type Answering, WireServer, wireToken } from './wire-server.ts';

const never = new AbortController().signal;
const contents = 'all the bytes of a file';
const size = contents.length;
const kibi = 1024;
const mebi = 1024 * kibi;
/** For tests of a silent server; elsewhere a busy machine could exceed it. */
const impatient: Partial<Timing> = { answer: 2_000, stall: 2_000 };
const longerThanPatient = 3_000;

/** Keeps a copy of each write, because the buffer is reused after it. */
class Kept {
  text = '';
  restarts = 0;

  write(chunk: Buffer): undefined {
    this.text += chunk.toString('latin1');
  }

  async restart(): Promise<void> {
    this.text = '';
    this.restarts += 1;
  }
}

function whole(body: string, headers = `Content-Length: ${body.length}`): Answering {
  return (socket) => socket.end(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`);
}

/** The correct answer to the requested range. */
const rest: Answering = (socket, request) => {
  const first = Number(/^Range: bytes=(\d+)-\r$/m.exec(request)?.[1]);
  const range = `Content-Range: bytes ${first}-${size - 1}/${size}`;
  socket.end(
    `HTTP/1.1 206 Partial Content\r\n${range}\r\nContent-Length: ${size - first}\r\n\r\n${contents.slice(first)}`,
  );
};

type Streaming = { readonly ofSize?: number | undefined; readonly timing?: Partial<Timing> };

async function streams(script: readonly Answering[], options: Streaming = {}): Promise<Kept> {
  const { ofSize, timing } = { ofSize: size, ...options };
  await using server = await WireServer.start(ofSize, script);
  const sink = new Kept();
  const file = { _id: 'f', name: 'f', ...(ofSize === undefined ? {} : { size: ofSize }) };
  const { bytes } = await streamFile(server.client(timing), file as never, sink, { signal: never });
  assert.is(sink.text, contents);
  assert.is(bytes, size);
  assert.is(server.downloads.length, script.length, 'every answer of the script was needed');
  return sink;
}

const broken: readonly (readonly [string, Answering])[] = [
  ['cut in its head', (socket) => socket.end('HTTP/1.1 200 O')],
  ['never begun', () => undefined],
  ['cut in its body', (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\nall the`)],
  ['standing still', (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\nall the`)],
  ['announced shorter than the file', whole('all the', 'Content-Length: 7')],
  [
    'cut in a chunk',
    (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nall the'),
  ],
  ['badly chunked', whole('7\r\nall the!', 'Transfer-Encoding: chunked')],
  ['ended by the connection too early', whole('all the', 'Connection: close')],
];

for (const [what, answering] of broken) {
  test(`an answer that is ${what} is resumed where it broke`, async () => {
    const begins = what.startsWith('cut in its head') || what === 'never begun';
    const timing = what === 'never begun' || what === 'standing still' ? impatient : {};
    assert.is((await streams([answering, begins ? whole(contents) : rest], { timing })).restarts, 0);
  });
}

test('an answer that announces more than the file has is complete with the bytes of the file', async () => {
  await streams([whole(contents, `Content-Length: ${size + 5}`)]);
});

test('an answer with more bytes than the file starts the transfer again', async () => {
  assert.is((await streams([whole(`${contents}!`), whole(contents)])).restarts, 1);
});

test('an answer with a range that was not requested is discarded', async () => {
  const other: Answering = (socket) =>
    socket.end(`HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/${size}\r\nContent-Length: 4\r\n\r\nxxxx`);
  await streams([whole('all ', 'Connection: close'), other, rest]);
});

test('an answer to a range request with the whole file starts the transfer again', async () => {
  assert.is((await streams([whole('all the', 'Connection: close'), whole(contents)])).restarts, 1);
});

test('a request is sent again after an answer that is not valid HTTP', async () => {
  const malformed = ['HTTP/2 200', 'Content-Length: 5\r\nContent-Length: 6', 'a b: c', 'X: y\nZ: z'];
  for (const head of malformed) {
    const text = head.startsWith('HTTP') ? head : `HTTP/1.1 200 OK\r\n${head}`;
    await streams([(socket) => socket.end(`${text}\r\n\r\n${contents}`), whole(contents)]);
  }
});

test('a file without a size ends with its last chunk, in whatever pieces the chunks arrive', async () => {
  const coded = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n13;x=y\r\n${contents.slice(4)}\r\n0\r\n\r\n`;
  const slowly: Answering = (socket) => {
    socket.setNoDelay(true);
    const send = async () => {
      for (const byte of coded) await new Promise((done) => socket.write(byte, done));
    };
    send().catch(() => undefined);
  };
  await streams([slowly], { ofSize: undefined });
});

test('the request names its host, asks for unencoded bytes, and closes the connection', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    await using server = await WireServer.start(size, [whole(contents)], host);
    const file = { _id: 'f', name: 'f', size } as never;
    await streamFile(server.client(), file, new Kept(), { signal: never });
    const [request = ''] = server.downloads;
    assert.is(request.slice(0, request.indexOf('\r\n')), 'GET /api/v1/file/f/download HTTP/1.1');
    for (const header of [
      `Host: ${new URL(server.origin).host}`,
      'Accept-Encoding: identity',
      'Connection: close',
    ])
      assert.ok(request.includes(`\r\n${header}\r\n`), header);
    assert.ok(request.includes(`\r\nGirder-Token: ${wireToken}\r\n`));
  }
});

test('a redirect to another origin is followed without the token', async () => {
  await using store = await WireServer.start(size, [whole(contents)]);
  const away: Answering = (socket) =>
    socket.end(`HTTP/1.1 303 See Other\r\nLocation: ${store.origin}/download?signed=1\r\n\r\n`);
  assert.is((await streams([away])).text, contents);
  assert.is(store.downloads.length, 1);
  assert.not(store.downloads[0]?.includes(wireToken));
});

test('a sink that cannot restart ends the transfer with its own error', async () => {
  await using server = await WireServer.start(size, [whole(`${contents}!`)]);
  const sink = Object.assign(new Kept(), {
    restart: () => Promise.reject(new RunError('DownloadFailed', 'a pipe')),
  });
  const file = { _id: 'f', name: 'f', size } as never;
  const error: unknown = await streamFile(server.client(), file, sink, { signal: never }).catch(
    (e: unknown) => e,
  );
  assert.is((error as Error).message, 'a pipe');
});

for (const how of ['throws', 'rejects'] as const) {
  test(`a sink whose write ${how} ends the transfer with its own error and closes the connection`, async () => {
    let isClosed = false;
    const endless: Answering = (socket) => {
      socket.on('close', () => (isClosed = true));
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\nall`);
    };
    await using server = await WireServer.start(size, [endless]);
    const failure = new Error('no space');
    const write = () => {
      if (how === 'throws') throw failure;
      return Promise.reject(failure);
    };
    const sink = Object.assign(new Kept(), { write });
    const file = { _id: 'f', name: 'f', size } as never;
    const error: unknown = await streamFile(server.client(), file, sink, { signal: never }).catch(
      (e: unknown) => e,
    );
    assert.is(error, failure);
    await until('the connection is closed', () => isClosed);
  });
}

test('a slow sink slows the server down in constant memory, and is not taken for a stalled server', async () => {
  const total = 256 * mebi;
  const block = Buffer.alloc(mebi, 'x');
  let sent = 0;
  const flood: Answering = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const more = () => {
      while (sent < total) {
        sent += block.length;
        if (!socket.write(block)) return;
      }
    };
    socket.on('drain', more);
    more();
  };
  await using server = await WireServer.start(total, [flood]);
  const longest = { chunk: 0, ahead: 0, rss: 0 };
  let taken = 0;
  const write = async (chunk: Buffer) => {
    if (taken === 0) await pass(longerThanPatient);
    await Promise.resolve();
    taken += chunk.length;
    longest.chunk = Math.max(longest.chunk, chunk.length);
    longest.ahead = Math.max(longest.ahead, sent - taken);
    longest.rss = Math.max(longest.rss, process.memoryUsage.rss());
  };
  const before = process.memoryUsage.rss();
  const file = { _id: 'f', name: 'f', size: total } as never;
  const sink = { write, restart: () => Promise.reject(new Error('restarted')) };
  await streamFile(server.client(impatient), file, sink, { signal: never, bufferBytes: 64 * kibi });
  assert.is(taken, total);
  assert.is(longest.chunk, 64 * kibi);
  assert.ok(longest.ahead < 32 * mebi, `the server was ${longest.ahead} bytes ahead`);
  assert.ok(longest.rss - before < 32 * mebi, `${longest.rss - before} bytes more memory`);
});

test('a transfer is cancelled at once, also while its sink never finishes a write', async () => {
  await using server = await WireServer.start(size, [whole(contents)]);
  const cancel = new AbortController();
  const sink = Object.assign(new Kept(), { write: () => new Promise<void>(() => undefined) });
  const file = { _id: 'f', name: 'f', size } as never;
  const streaming = streamFile(server.client(), file, sink, { signal: cancel.signal });
  setTimeout(() => cancel.abort(new Error('cancelled by the test')), 50);
  const error: unknown = await streaming.catch((e: unknown) => e);
  assert.is((error as Error).message, 'cancelled by the test');
});

test('an answer that arrives before the request is complete is read, and no more is sent', async () => {
  const refusal: Answering = (socket) =>
    socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
  await using server = await WireServer.start(size, [refusal]);
  let asked = 0;
  const source = {
    buffer: Buffer.alloc(64 * kibi),
    next: (into: Buffer) => Promise.resolve((asked += 1) > 10_000 ? 0 : into.length),
  };
  const url = new URL(`${server.origin}/download`);
  const headers = { 'Content-Length': String(10_000 * 32 * kibi) };
  const answer = await exchangeBytes(
    { method: 'POST', url, headers, signal: never },
    { buffer: Buffer.alloc(kibi), source },
  );
  assert.is(answer.status, 400);
  let text = '';
  await answer.body.pump((chunk) => void (text += chunk.toString()));
  assert.is(text, 'no');
  const before = asked;
  await pass(50);
  assert.ok(asked - before <= 1);
});

test('a header value that would inject another header is not sent', async () => {
  await using server = await WireServer.start(size, []);
  const url = new URL(`${server.origin}/download`);
  const request = { method: 'GET', url, headers: { 'Girder-Token': 'a\r\nHost: b' }, signal: never } as const;
  const error: unknown = await exchangeBytes(request, { buffer: Buffer.alloc(kibi) }).catch(
    (e: unknown) => e,
  );
  assert.is((error as Error).name, 'TransientFailure');
  assert.not((error as Error).message.includes('Host: b'));
  assert.is(server.downloads.length, 0);
});

test.run();
