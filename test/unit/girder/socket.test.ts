import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TlsReceiveBuffer, PlainReceiveBuffer } from '../../../src/girder/http/socket.ts';

const kibi = 1024;

/** Fills the next slice with numbers that continue the last ones, as a connection would. */
function arrive(received: TlsReceiveBuffer, bytes: number, from: number): void {
  const slice = received.buffer();
  for (let index = 0; index < bytes; index += 1) slice[index] = (from + index) % 251;
  received.arrived(bytes);
}

test('a plain buffer returns the part of its memory that is unread', () => {
  const received = new PlainReceiveBuffer(Buffer.from('0123456789'));
  received.arrived(5);
  received.consume(2);
  assert.is(received.unread.toString(), '234');
  received.consume(3);
  assert.is(received.hasUnread, false);
  received.arrived(1);
  assert.is(received.unread.toString(), '0');
});

test('full adjacent slices are one piece, which a partly filled slice ends', () => {
  const received = new TlsReceiveBuffer(Buffer.alloc(256 * kibi));
  for (const bytes of [16 * kibi, 16 * kibi, 100, 16 * kibi]) arrive(received, bytes, 0);
  assert.is(received.unread.length, 32 * kibi + 100);
  received.consume(20 * kibi);
  assert.is(received.unread.length, 12 * kibi + 100);
  received.consume(12 * kibi + 100);
  assert.is(received.unread.length, 16 * kibi);
});

test('a TLS buffer reports no room while it still has slices for the records that arrive after a stop', () => {
  const received = new TlsReceiveBuffer(Buffer.alloc(256 * kibi));
  let records = 0;
  for (; received.hasRoom; records += 1) arrive(received, 16 * kibi, 0);
  assert.is(records, 10);
});

test('no byte is lost or overwritten, whatever the reads and however little memory there is', () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: 16 * kibi }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(1, 16, 40, 64, 256), (steps, size) => {
      const received = new TlsReceiveBuffer(Buffer.alloc(size * kibi));
      let [written, read] = [0, 0];
      for (const { bytes, share } of steps) {
        arrive(received, bytes, written);
        written += bytes;
        const { unread } = received;
        const taken = Math.floor(unread.length * share);
        for (const byte of unread.subarray(0, taken)) {
          if (byte !== read % 251) assert.is(byte, read % 251);
          read += 1;
        }
        received.consume(taken);
      }
      for (; received.hasUnread; received.consume(received.unread.length)) read += received.unread.length;
      assert.is(read, written);
    }),
    { numRuns: 50 },
  );
});

test.run();
