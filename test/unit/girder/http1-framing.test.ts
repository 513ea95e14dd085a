import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { framingOf, MalformedResponse, parseHead } from '../../../src/girder/http/http1.ts';

type Read = {
  readonly body: string;
  readonly isDone: boolean;
  readonly mayEnd: boolean;
  readonly rest: number;
};

/** Reads what follows a head, cut at the given positions, as the reader of a connection does. */
function read(head: string, bytes: Buffer, cuts: readonly number[] = []): Read {
  const framing = framingOf(parseHead(head));
  const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted(
    (a, b) => a - b,
  );
  let [body, consumed] = ['', 0];
  for (const [index, edge] of edges.slice(0, -1).entries()) {
    const part = bytes.subarray(edge, edges[index + 1]);
    for (let position = 0; position < part.length && !framing.isDone;) {
      const start = framing.skip(part, position, part.length);
      const length = Math.min(framing.left, part.length - start);
      if (length > 0) framing.took(length);
      body += part.toString('latin1', start, start + length);
      consumed += start + length - position;
      position = start + length;
    }
  }
  return { body, isDone: framing.isDone, mayEnd: framing.mayEnd, rest: bytes.length - consumed };
}

const plain = 'HTTP/1.1 200 OK';
const chunked = `${plain}\r\nTransfer-Encoding: chunked`;

function refuses(head: string, bytes = ''): void {
  assert.throws(
    () => read(head, Buffer.from(bytes, 'latin1')),
    (error: unknown) => error instanceof MalformedResponse,
    JSON.stringify(head + bytes),
  );
}

test('a body ends after its length, and the bytes after it are not read', () => {
  assert.equal(read(`${plain}\r\nContent-Length: 5`, Buffer.from('bytes and more')), {
    body: 'bytes',
    isDone: true,
    mayEnd: true,
    rest: 9,
  });
  assert.is(read(`${plain}\r\nContent-Length: 5`, Buffer.from('byte')).mayEnd, false);
  assert.is(read(`${plain}\r\nContent-Length: 0`, Buffer.from('')).isDone, true);
});

test('a body without a length ends with the connection, and a 204 has none', () => {
  assert.equal(read(plain, Buffer.from('bytes')), { body: 'bytes', isDone: false, mayEnd: true, rest: 0 });
  assert.is(read('HTTP/1.1 204 No Content', Buffer.from('')).isDone, true);
});

test('a chunked body is the same wherever reads cut it', () => {
  const bytes = Buffer.from(
    '5\r\nhello\r\n00a;name="x"\r\n, chunks\n\r\r\n0\r\nTrailer: 1\r\n\r\nmore',
    'latin1',
  );
  const whole = { body: 'hello, chunks\n\r', isDone: true, mayEnd: true, rest: 4 };
  assert.equal(read(chunked, bytes), whole);
  for (let cut = 0; cut < bytes.length; cut += 1) assert.equal(read(chunked, bytes, [cut]), whole);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => assert.equal(read(chunked, bytes, cuts), whole)),
  );
});

test('any bytes in any chunks are decoded unchanged', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(2000)), (pieces, cuts) => {
      const coded = pieces.flatMap((piece) => [
        Buffer.from(`${piece.length.toString(16)}\r\n`),
        Buffer.from(piece),
        Buffer.from('\r\n'),
      ]);
      const bytes = Buffer.concat([...coded, Buffer.from('0\r\n\r\n')]);
      const { body, isDone } = read(chunked, bytes, cuts);
      assert.is(body, Buffer.concat(pieces).toString('latin1'));
      assert.is(isDone, true);
    }),
  );
});

test('a chunked body is incomplete before its last chunk', () => {
  const bytes = Buffer.from('5\r\nhello\r\n0\r\n\r\n');
  for (let end = 0; end < bytes.length; end += 1)
    assert.is(read(chunked, bytes.subarray(0, end)).mayEnd, false);
});

test('malformed chunks are refused', () => {
  for (const bytes of [
    '\r\n',
    'x\r\n',
    '-1\r\n',
    '0x5\r\n',
    '5\nhello',
    '5 x\r\n',
    '5\r\nhello!\r\n',
    '5\r\nhello\n',
  ])
    refuses(chunked, bytes);
  refuses(chunked, `${'0'.repeat(13)}5\r\n`);
  refuses(chunked, `5;${'x'.repeat(5000)}`);
  refuses(chunked, `0\r\n${'Trailer: 1\r\n'.repeat(2000)}`);
});

test('a response with ambiguous or unsupported framing is refused', () => {
  refuses(`${chunked}\r\nContent-Length: 5`);
  refuses(`${plain}\r\nTransfer-Encoding: gzip, chunked`);
  refuses('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked');
  for (const length of ['', '-1', '+1', '1.5', '1e3', '5, 5', '0x5', '99999999999999999999'])
    refuses(`${plain}\r\nContent-Length: ${length}`);
});

test.run();
