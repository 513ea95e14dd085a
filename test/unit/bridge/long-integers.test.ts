import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renameLongIntegers } from '../../../src/bridge/broker/long-integers.ts';

/** A field of a table: the length of its name, the name, and its value. */
const field = (name: string, value: Buffer) =>
  Buffer.concat([Buffer.from([name.length]), Buffer.from(name), value]);
const sized = (tag: string, content: Buffer) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from(tag), length, content]);
};
const integer = (tag: string, value: bigint) => {
  const bytes = Buffer.alloc(9, tag);
  bytes.writeBigInt64BE(value, 1);
  return bytes;
};

/** A table with everything that Python's client writes; `tag` is that of its integers of 64 bits. */
function table(tag: string): Buffer {
  const long = integer(tag, -(2n ** 40n));
  return Buffer.concat([
    ...[
      field('L', sized('S', Buffer.from('L is no tag here'))),
      field('n', long),
      field('t', Buffer.from('t\x01')),
    ],
    ...[
      field('d', Buffer.alloc(9, 'd')),
      field('i', Buffer.from('I\0\0\0\x4c')),
      field('v', Buffer.from('V')),
    ],
    field('list', sized('A', Buffer.concat([long, sized('F', field('deep', long)), Buffer.from('V'), long]))),
    ...[
      field('D', Buffer.from('D\x02\0\0\0\x4c')),
      field('T', Buffer.alloc(9, 'T')),
      field('x', sized('x', long)),
    ],
    field('last', long),
  ]);
}

/** The frame of a content header with the properties content_type, content_encoding and headers. */
function frameOf(headers: Buffer): Buffer {
  const texts = Buffer.concat([field('application/json', Buffer.alloc(0)), field('utf-8', Buffer.alloc(0))]);
  const properties = Buffer.concat([texts, sized('', headers)]);
  const payload = Buffer.concat([Buffer.alloc(12, 'L'), Buffer.from([0xe0, 0x00]), properties]);
  const start = Buffer.from([2, 0, 1, 0, 0, 0, 0]);
  start.writeUInt32BE(payload.length, 3);
  return Buffer.concat([start, payload, Buffer.from([0xce])]);
}

test('integers of 64 bits get the tag of amqplib wherever they are in the headers, and nothing else changes', () => {
  const given = frameOf(table('L'));
  renameLongIntegers(given);
  // What is in bytes is no value of the table.
  const wanted = frameOf(table('l'));
  const [from, to] = [wanted.lastIndexOf('x\0\0\0\x09') + 5, wanted.lastIndexOf('x\0\0\0\x09') + 6];
  wanted.write('L', from);
  assert.equal(given.subarray(0, from), wanted.subarray(0, from));
  assert.equal(given.subarray(to), wanted.subarray(to));
  assert.is(String.fromCharCode(given.readUInt8(from)), 'L');
});

test('a frame that is not whole, or another frame, stays as it is', () => {
  const whole = frameOf(table('L'));
  for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 5), Buffer.from([3, ...whole.subarray(1)])]) {
    const copy = Buffer.from(bytes);
    renameLongIntegers(copy);
    assert.equal(copy, Buffer.from(bytes));
  }
});

test('no bytes make it throw, or write beyond the frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 20 }), (content, after) => {
      const frame = Buffer.concat([frameOf(Buffer.from(content)), Buffer.from(after)]);
      renameLongIntegers(frame);
      assert.equal(frame.subarray(frame.length - after.length), Buffer.from(after));
    }),
  );
});

test.run();
