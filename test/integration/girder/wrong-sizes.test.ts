import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { streamFile } from '../../../src/girder/download/stream-file.ts';
import { RunError } from '../../../src/support/errors.ts';
import { type Answering, WireServer } from './wire-server.ts';

/** Files whose bytes are not what Girder lists, whatever is tried: the download fails within seconds and says so. */

const never = new AbortController().signal;
const contents = 'all the bytes of a file';
/** More answers than are requested in the time that is allowed. */
const answers = 1_000;

const isResumed = (request: string) => /^Range: bytes=/im.test(request);
const whole: Answering = (socket) =>
  socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${contents.length}\r\n\r\n${contents}`);
const tooFar: Answering = (socket) =>
  socket.end('HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n');
const otherRange: Answering = (socket) =>
  socket.end(
    `HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/${contents.length}\r\nContent-Length: 4\r\n\r\nxxxx`,
  );
const inParts: Answering = (socket) =>
  socket.end('HTTP/1.1 206 x\r\nContent-Type: multipart/byteranges\r\nContent-Length: 4\r\n\r\nxxxx');
const nothing: Answering = (socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n');
const cut: Answering = (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nall`);

const lists = (size: number) => new RegExp(`lists file f \\(f\\) with ${size} bytes, but .* at fault`);

const cases: readonly { what: string; size: number; answering: Answering; names: RegExp }[] = [
  {
    what: 'listed with more bytes than it has',
    size: contents.length + 5,
    answering: (socket, request) => (isResumed(request) ? tooFar : whole)(socket, request),
    names: lists(contents.length + 5),
  },
  {
    what: 'listed with more bytes than it has, by a server that ignores ranges',
    size: contents.length + 5,
    answering: whole,
    names: /keeps changing while it is downloaded, or a server in between sends other bytes each time/,
  },
  {
    what: 'listed with fewer bytes than it has',
    size: contents.length - 5,
    answering: whole,
    names: /keeps changing while it is downloaded, or a server in between sends other bytes each time/,
  },
  { what: 'sent as another range', size: 7, answering: otherRange, names: lists(7) },
  {
    what: 'resumed as another range',
    size: 90,
    answering: (socket, request) => (isResumed(request) ? otherRange : cut)(socket, request),
    names: lists(90),
  },
  { what: 'sent as ranges in parts', size: 7, answering: inParts, names: lists(7) },
  { what: 'sent as nothing', size: 7, answering: nothing, names: lists(7) },
];

async function download(size: number, answering: Answering): Promise<{ error: unknown; tookMs: number }> {
  await using server = await WireServer.start(
    size,
    Array.from({ length: answers }, () => answering),
  );
  const sink = { write: () => undefined, restart: async () => undefined };
  const file = { _id: 'f', name: 'f', size } as never;
  const begin = performance.now();
  const error: unknown = await streamFile(server.client(), file, sink, { signal: never }).catch(
    (thrown: unknown) => thrown,
  );
  return { error, tookMs: performance.now() - begin };
}

// All at once: most of the time they wait.
const downloads = cases.map(({ size, answering }) => download(size, answering));

for (const [index, { what, names }] of cases.entries()) {
  test(`a file that is ${what} fails within seconds with DownloadFailed`, async () => {
    const { error, tookMs } = (await downloads[index]) ?? { error: undefined, tookMs: 0 };
    assert.instance(error, RunError);
    assert.is((error as RunError).reason, 'DownloadFailed', (error as RunError).message);
    assert.match((error as RunError).message, names);
    assert.ok(tookMs < 20_000, `it took ${tookMs} ms`);
  });
}

test.run();
