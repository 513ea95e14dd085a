import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChunkLength } from '../../../src/girder/upload/send-chunks.ts';
import { classify, ChunkRefused } from '../../../src/girder/girder-error.ts';
import { RunError } from '../../../src/support/errors.ts';

const mebi = 1024 * 1024;
const gibi = 1024 * mebi;
const context = { method: 'POST', subject: 'f', api: 'http://girder/api/v1' } as const;

/** The lengths that are tried of a file, in MiB, until one is accepted, and why none is, if none is. */
function tried(size: number, accepts: { least?: number; most?: number }, length = new ChunkLength(size)) {
  const { least = 0, most = Infinity } = accepts;
  const lengths: number[] = [];
  for (;;) {
    const bytes = Math.min(length.bytes, size);
    lengths.push(bytes / mebi);
    const isLast = bytes === size;
    const problem = bytes > most ? 'tooLarge' : bytes < least && !isLast ? 'tooSmall' : undefined;
    if (problem === undefined) return { lengths };
    const why = length.refused(problem, bytes);
    if (why !== undefined) return { lengths, why };
  }
}

test('a file of up to 64 MiB is one chunk, as that of Girder’s own client', () => {
  assert.is(new ChunkLength(40 * mebi).bytes, 64 * mebi);
  assert.is(new ChunkLength(65 * mebi).bytes, 64 * mebi);
});

test('the chunks of a large file are so long that it has no more than 1000', () => {
  for (const size of [33 * gibi, 63 * gibi, 900 * gibi, 4 * 1024 * gibi]) {
    const { bytes } = new ChunkLength(size);
    assert.ok(Math.ceil(size / bytes) <= 1000, `${size}`);
    assert.ok(bytes <= 5 * gibi, `${size}`);
  }
});

test('an S3 assetstore takes a file in one request or in parts of the length that it reports', () => {
  const whole = { isChunked: false, chunkLength: 100 * mebi };
  assert.is(new ChunkLength(90 * mebi, whole).bytes, 90 * mebi);
  assert.is(new ChunkLength(40 * mebi, { isChunked: true, chunkLength: 32 * mebi }).bytes, 32 * mebi);
});

test('no length that Girder reports makes a part that S3 refuses', () => {
  for (const chunkLength of [0, 1, 2 ** 53 - 1]) {
    const { bytes } = new ChunkLength(gibi, { isChunked: true, chunkLength });
    assert.ok(bytes >= 5 * mebi && bytes <= 5 * gibi, `${bytes}`);
  }
});

test('a chunk that Girder refuses as too small is doubled', () => {
  assert.equal(tried(gibi, { least: 200 * mebi }), { lengths: [64, 128, 256] });
  assert.equal(tried(100 * mebi, { least: 200 * mebi }), { lengths: [64, 100] });
});

test('a chunk that a proxy refuses as too large is halved, but not below what Girder wants by default', () => {
  assert.equal(tried(gibi, { most: 10 * mebi }), { lengths: [64, 32, 16, 8] });
  assert.equal(tried(gibi, { most: 6 * mebi, least: 5 * mebi }), { lengths: [64, 32, 16, 8, 5] });
});

test('a length between Girder’s minimum and the limit of a proxy is found', () => {
  const { lengths, why } = tried(gibi, { most: 10 * mebi, least: 9 * mebi });
  assert.is(why, undefined);
  assert.is(lengths.at(-1), 10);
});

test('if the limit of a proxy is below Girder’s minimum, the failure names both', () => {
  const { lengths, why = '' } = tried(gibi, { most: mebi, least: 5 * mebi });
  assert.ok(lengths.length < 12, lengths.join());
  assert.match(why, /a proxy in front of it refuses requests with a body of \d+ bytes \(413\)/);
  assert.match(why, /Girder refuses chunks of \d+ bytes as too small/);
  assert.match(why, 'client_max_body_size');
});

test('a file that must come in one request fails at once behind a proxy that refuses it', () => {
  const length = new ChunkLength(40 * mebi, { isChunked: false, chunkLength: 64 * mebi });
  const { lengths, why = '' } = tried(40 * mebi, { most: 10 * mebi }, length);
  assert.equal(lengths, [40]);
  assert.match(why, 'only in one request');
});

test('parts of S3 are not made so short that Girder would cut the object', () => {
  const length = new ChunkLength(20 * gibi, { isChunked: true, chunkLength: 64 * mebi });
  const { lengths, why = '' } = tried(20 * gibi, { most: 10 * mebi }, length);
  assert.equal(lengths, [64, 32]);
  assert.match(why, 'no shorter one than');
});

test('a server that refuses every length ends the upload after a few requests', () => {
  for (const problem of ['tooSmall', 'tooLarge', 'notWhole'] as const) {
    const length = new ChunkLength(gibi);
    let requests = 1;
    while (length.refused(problem, Math.min(length.bytes, gibi)) === undefined) requests += 1;
    assert.ok(requests < 20, `${problem}: ${requests}`);
  }
});

test('refusals of a length are distinguished by their status and Girder’s words', () => {
  const girder = (message: string) => classify({ status: 400, message, type: 'validation' }, context);
  const problem = (error: unknown) => (error instanceof ChunkRefused ? error.problem : undefined);
  assert.is(problem(classify({ status: 413, message: '', type: undefined }, context)), 'tooLarge');
  assert.is(problem(girder('Chunk is smaller than the minimum size.')), 'tooSmall');
  assert.is(problem(girder('Uploads of this length must be sent in a single chunk.')), 'notWhole');
  assert.is(problem(girder('Received too many bytes.')), undefined);
  assert.instance(girder('Received too many bytes.'), RunError);
});

test.run();
