import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type OutputPiece, createDemux } from '../../../src/docker/output/demux.ts';

type Frame = { readonly type: number; readonly payload: Buffer };

function encode(frames: readonly Frame[]): Buffer {
  return Buffer.concat(
    frames.map(({ type, payload }) => {
      const header = Buffer.alloc(8);
      header[0] = type;
      header.writeUInt32BE(payload.length, 4);
      return Buffer.concat([header, payload]);
    }),
  );
}

/** The text of both outputs in order, with the name of the output at each change. */
function transcript(pieces: readonly OutputPiece[]): string {
  let last = '';
  let text = '';
  for (const { stream, data } of pieces) {
    text += (stream === last ? '' : `<${stream}>`) + data.toString('latin1');
    last = stream;
  }
  return text;
}

function pushAll(chunks: readonly Buffer[]): { pieces: OutputPiece[]; isWhole: boolean } {
  const demux = createDemux();
  const pieces = chunks.flatMap((chunk) => demux.push(chunk));
  return { pieces, isWhole: demux.isAtBoundary() };
}

const sample = encode([
  { type: 1, payload: Buffer.from('one\n') },
  { type: 2, payload: Buffer.from('error\n') },
  { type: 1, payload: Buffer.alloc(0) },
  { type: 1, payload: Buffer.from('two\n') },
  { type: 1, payload: Buffer.from('three\n') },
]);
const sampleText = '<stdout>one\n<stderr>error\n<stdout>two\nthree\n';

test('a stream that is split at any byte yields the same output', () => {
  for (let at = 0; at <= sample.length; at += 1) {
    const { pieces, isWhole } = pushAll([sample.subarray(0, at), sample.subarray(at)]);
    assert.is(transcript(pieces), sampleText, `split at ${at}`);
    assert.ok(isWhole);
  }
});

test('a stream that arrives byte by byte yields the same output', () => {
  const { pieces } = pushAll(Array.from(sample, (byte) => Buffer.from([byte])));
  assert.is(transcript(pieces), sampleText);
});

test('from any frames in any chunks each output gets its bytes in order', () => {
  const frame = fc.record({
    type: fc.constantFrom(1, 2),
    payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 30 })), (frames, sizes) => {
      const all = encode(frames);
      const chunks: Buffer[] = [];
      for (let at = 0, i = 0; at < all.length; i += 1) {
        const size = sizes[i % (sizes.length || 1)] ?? 7;
        chunks.push(all.subarray(at, at + size));
        at += size;
      }
      const { pieces, isWhole } = pushAll(chunks);
      assert.ok(isWhole);
      const expected = frames.map(({ type, payload }) => ({
        stream: type === 1 ? ('stdout' as const) : ('stderr' as const),
        data: payload,
      }));
      assert.is(transcript(pieces), transcript(expected.filter(({ data }) => data.length > 0)));
    }),
  );
});

test('neighbouring frames of one output become one piece', () => {
  assert.equal(
    createDemux()
      .push(sample)
      .map(({ stream, data }) => [stream, data.toString()]),
    [
      ['stdout', 'one\n'],
      ['stderr', 'error\n'],
      ['stdout', 'two\nthree\n'],
    ],
  );
});

test('payload is returned before its frame is complete, so a large declared length needs no memory', () => {
  const demux = createDemux();
  const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  assert.equal(demux.push(header), []);
  assert.is(transcript(demux.push(Buffer.from('begin'))), '<stdout>begin');
  assert.not(demux.isAtBoundary());
});

test('a stream that was cut off inside a frame is not at a boundary', () => {
  for (let cut = 1; cut < sample.length; cut += 1) {
    const { isWhole } = pushAll([sample.subarray(0, cut)]);
    const isBetweenFrames = [12, 26, 34, 46].includes(cut);
    assert.is(isWhole, isBetweenFrames, `cut at ${cut}`);
  }
});

test("the engine's own error text is part of stderr", () => {
  const { pieces } = pushAll([encode([{ type: 3, payload: Buffer.from('oops') }])]);
  assert.is(transcript(pieces), '<stderr>oops');
});

test('a stream that is not multiplexed is an error', () => {
  assert.throws(() => createDemux().push(Buffer.from('plain text of a terminal')), /not multiplexed/);
  assert.throws(() => createDemux().push(Buffer.from([4, 0, 0, 0, 0, 0, 0, 1, 65])), /not multiplexed/);
});

test.run();
