import { randomBytes } from 'node:crypto';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { HttpSink } from '../support/http-sink.ts';
import { girderOf, succeeds } from '../support/job-run.ts';
import { aFile, sha256 } from '../support/girder.ts';
import { Lab, untilReleased } from '../support/runs.ts';

/** The original serves all streams in one select() loop, in which one stream that waits blocks all others. */

const pairs = 32;
const leastBytes = 60_000;
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('many-streams');
});
test.after(() => lab?.close());

test('64 streams at the same time, 32 to the target and 32 from it, lose no byte', async () => {
  await using sink = await HttpSink.start();
  const files = Array.from({ length: pairs }, (_, index) => randomBytes(leastBytes + index * 1000));
  const transforms = [];
  for (const [index, bytes] of files.entries()) {
    const fileId = await aFile(`in${index}`, bytes);
    const output = { chunkedTransferEncodingStream: { url: `${sink.url}/${index}` } };
    transforms.push(
      {
        name: `in${index}`,
        connect: {
          input: { girderFileIdToStream: { fileId } },
          output: { namedInputPipe: { name: `in${index}` } },
        },
      },
      { name: `out${index}`, connect: { input: { namedOutputPipe: { name: `out${index}` } }, output } },
    );
  }
  const script = `
    cd $1
    for i in \`seq 0 ${pairs - 1}\`; do cat in$i > out$i & done
    wait
    ${untilReleased}`;
  await lab.run('many', {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(temporaryVolume)'],
    transforms,
    girder: girderOf(),
  });
  const uploads = ({ transfers = [] }: DockerRunStatus) =>
    transfers.filter(({ direction }) => direction === 'upload').map(({ bytes }) => bytes);
  const lengths = files.map(({ length }) => length).sort();
  // The termination message has no room for all: the status gets them from the worker's progress reports.
  await lab.until('many', 'shows all uploads', {
    holds: ({ status }) => String(uploads(status).sort()) === String(lengths),
  });
  await lab.release('many');
  const status = await succeeds(lab, 'many');
  for (const [index, bytes] of files.entries()) {
    assert.is(sha256(sink.bytesOf(`/${index}`)), sha256(bytes), `stream ${index}`);
  }
  assert.is(sink.received.filter(({ isComplete }) => isComplete).length, pairs);
  assert.equal(uploads(status).sort(), lengths);
});

test.run();
