import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { openOutputSink } from '../../../src/worker/streams/output-sink.ts';
import { OutputStream } from '../../../src/worker/streams/output-stream.ts';
import { aContext } from '../../fixtures/builders-worker.ts';
import { until } from '../../fixtures/until.ts';

/** The bytes that a server received, and whether it saw the proper end of the request. */
type Received = { bytes: number; isComplete: boolean };

/** A server that starts to read after `restMs`. */
async function aSink(restMs: number) {
  const received: Received = { bytes: 0, isComplete: false };
  const over = Promise.withResolvers<void>();
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.on('close', () => over.resolve());
    request.on('error', () => undefined);
    const read = () => {
      request.on('data', (chunk: Buffer) => (received.bytes += chunk.length));
      request.on('end', () => {
        received.isComplete = true;
        response.end();
      });
    };
    setTimeout(read, restMs).unref();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    received,
    over: over.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A stream from the target's stdout to a server. */
async function stdoutTo(url: string, headers: { name: string; value: string }[] = []) {
  const cancel = new AbortController();
  const failures: RunError[] = [];
  const step = { name: 'out', source: 'stdout' as const, to: { kind: 'post' as const, url, headers } };
  const context = aContext({ signal: cancel.signal });
  const end = await openOutputSink(context, step, () => undefined);
  const stream = new OutputStream(context, step, end, (failure) => void failures.push(failure));
  return { stream, failures, cancel, signal: cancel.signal };
}

const size = 8_000_000;

test('a server that pauses gets the whole stream before its end', async () => {
  await using sink = await aSink(1_500);
  const { stream, signal } = await stdoutTo(sink.url);
  const writable = stream.writable();
  for (let sent = 0; sent < size; sent += 50_000) writable.write(Buffer.alloc(50_000));
  await stream.finish({ idleMs: 500, totalMs: 500, signal });
  await stream.close();
  assert.equal(sink.received, { bytes: size, isComplete: true });
});

test('a stream that was cut fails, and its server does not see an end', async () => {
  await using sink = await aSink(0);
  const { stream, failures, signal } = await stdoutTo(sink.url);
  const writable = stream.writable();
  writable.write(Buffer.alloc(1000));
  await until('1000 bytes have arrived', () => sink.received.bytes, { holds: (bytes) => bytes >= 1000 });
  stream.wasCut();
  const failure = await stream.finish({ idleMs: 500, totalMs: 500, signal }).then(
    () => undefined,
    (error: unknown) => error,
  );
  await sink.over;
  await stream.close();
  assert.ok(failure instanceof RunError && failure.reason === 'StreamFailed');
  assert.match(failure.message, /some output of the target was lost/);
  assert.is(failures.length, 1);
  assert.is(sink.received.isComplete, false);
});

test('a cancel ends the wait for a server that never reads', async () => {
  await using sink = await aSink(1_000_000);
  const { stream, cancel, signal } = await stdoutTo(sink.url);
  const writable = stream.writable();
  for (let sent = 0; sent < size; sent += 50_000) writable.write(Buffer.alloc(50_000));
  setTimeout(() => cancel.abort(new RunError('Cancelled', 'enough')), 300);
  const begin = Date.now();
  await stream.finish({ idleMs: 60_000, totalMs: 60_000, signal }).catch(() => undefined);
  await stream.close();
  assert.ok(Date.now() - begin < 30_000);
});

test('a header that a request cannot have is refused before anything is sent', async () => {
  for (const [name, value, reason] of [
    ['Host', 'internal', /Host is set by the request itself/],
    ['X-Key', 'a\nb', /its value cannot be sent as the header X-Key: it is not one line of text/],
  ] as const) {
    const refused = await stdoutTo('http://127.0.0.1:1/', [{ name, value }]).then(
      () => 'accepted',
      (error: unknown) => String(error),
    );
    assert.match(refused, reason);
  }
});

test.run();
