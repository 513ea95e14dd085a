import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HeadCollector, maxHeadBytes, MalformedResponse, parseHead } from '../../../src/girder/http/http1.ts';

const text =
  'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range:\t bytes 5-9/10 \r\nX-a: \r\nx-A: b';

function collect(bytes: Buffer, cuts: readonly number[]): { used: number; status: number | undefined } {
  const collector = new HeadCollector();
  const edges = [...new Set([0, ...cuts, bytes.length])].toSorted((a, b) => a - b);
  let used = 0;
  for (const [index, edge] of edges.slice(0, -1).entries()) {
    const part = collector.take(bytes.subarray(edge, edges[index + 1]));
    used += part.used;
    if (part.head !== undefined) return { used, status: part.head.status };
  }
  return { used, status: undefined };
}

function refuses(head: string): void {
  assert.throws(
    () => parseHead(head),
    (error: unknown) => error instanceof MalformedResponse,
    JSON.stringify(head),
  );
}

test('a head has its status, and its headers in lower case', () => {
  const head = parseHead(text);
  assert.is(head.status, 206);
  assert.is(head.minor, 1);
  assert.equal(Object.fromEntries(head.headers), {
    'content-length': '5',
    'content-range': 'bytes 5-9/10',
    'x-a': ', b',
  });
});

test('a head is the same wherever reads cut it, and no byte of the body is taken', () => {
  const bytes = Buffer.from(`${text}\r\n\r\nbody\r\n\r\n`);
  const length = text.length + 4;
  for (let cut = 0; cut < bytes.length; cut += 1) {
    assert.equal(collect(bytes, [cut]), { used: length, status: 206 });
  }
  const cuts = fc.array(fc.nat(bytes.length), { maxLength: 30 });
  fc.assert(fc.property(cuts, (all) => collect(bytes, all).used === length));
});

test('a status line that is not HTTP/1 is refused', () => {
  for (const line of [
    '',
    'HTTP/2 200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 600 OK',
    'ICY 200 OK',
  ])
    refuses(line);
});

test('folded lines, bare line ends, blanks before the colon and control characters are refused', () => {
  for (const line of [' folded: 1', 'name : 1', 'no colon', ': 1', 'a: 1\nb: 2', 'a: \u0000', 'a: 1\rb', ''])
    refuses(`HTTP/1.1 200 OK\r\n${line}`);
});

test('a header that would be ambiguous is refused when it comes twice', () => {
  for (const name of ['Content-Length', 'Location', 'Transfer-Encoding', 'Content-Range'])
    refuses(`HTTP/1.1 200 OK\r\n${name}: 1\r\n${name.toLowerCase()}: 1`);
});

test('a head without an end is refused before it fills the memory', () => {
  const collector = new HeadCollector();
  const block = Buffer.from(`a: ${'x'.repeat(4093)}`);
  assert.throws(
    () => {
      for (let bytes = 0; bytes < 2 * maxHeadBytes; bytes += block.length) collector.take(block);
    },
    (error: unknown) => error instanceof MalformedResponse,
  );
});

test('a head of any bytes is parsed or refused', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  fc.assert(
    fc.property(pieces, (all) => {
      const collector = new HeadCollector();
      try {
        return all.every((piece) => collector.take(Buffer.from(piece)).used <= piece.length);
      } catch (error) {
        return error instanceof MalformedResponse;
      }
    }),
  );
});

test.run();
