import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TlsReceiveBuffer, PlainReceiveBuffer } from '../../../src/girder/http/socket.ts';

const kibi = 1024;

/** Fills the place that was given out with numbers that go on from the last ones, as a connection would. */
function arrive(inbox: TlsReceiveBuffer, bytes: number, from: number): void {
  const place = inbox.buffer();
  for (let index = 0; index < bytes; index += 1) place[index] = (from + index) % 251;
  inbox.arrived(bytes);
}

test('a plain inbox gives out the part of its one buffer that is unread', () => {
  const inbox = new PlainReceiveBuffer(Buffer.from('0123456789'));
  inbox.arrived(5);
  inbox.consume(2);
  assert.is(inbox.unread.toString(), '234');
  inbox.consume(3);
  assert.is(inbox.hasUnread, false);
  inbox.arrived(1);
  assert.is(inbox.unread.toString(), '0');
});

test('full neighbours are one piece, and a part of one ends it', () => {
  const inbox = new TlsReceiveBuffer(Buffer.alloc(256 * kibi));
  for (const bytes of [16 * kibi, 16 * kibi, 100, 16 * kibi]) arrive(inbox, bytes, 0);
  assert.is(inbox.unread.length, 32 * kibi + 100);
  inbox.consume(20 * kibi);
  assert.is(inbox.unread.length, 12 * kibi + 100);
  inbox.consume(12 * kibi + 100);
  assert.is(inbox.unread.length, 16 * kibi);
});

test('an inbox has no room any more while there is still a place for every record that comes all the same', () => {
  const inbox = new TlsReceiveBuffer(Buffer.alloc(256 * kibi));
  let records = 0;
  for (; inbox.hasRoom; records += 1) arrive(inbox, 16 * kibi, 0);
  assert.is(records, 10);
});

test('whatever comes and goes, with however little memory, no byte is lost or overwritten', () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: 16 * kibi }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(1, 16, 40, 64, 256), (steps, size) => {
      const inbox = new TlsReceiveBuffer(Buffer.alloc(size * kibi));
      let [written, read] = [0, 0];
      for (const { bytes, share } of steps) {
        arrive(inbox, bytes, written);
        written += bytes;
        const { unread } = inbox;
        const taken = Math.floor(unread.length * share);
        for (const byte of unread.subarray(0, taken)) {
          if (byte !== read % 251) assert.is(byte, read % 251);
          read += 1;
        }
        inbox.consume(taken);
      }
      for (; inbox.hasUnread; inbox.consume(inbox.unread.length)) read += inbox.unread.length;
      assert.is(read, written);
    }),
    { numRuns: 50 },
  );
});

test.run();
