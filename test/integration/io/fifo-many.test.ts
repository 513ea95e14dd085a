import { lookup } from 'node:dns/promises';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { FifoReader } from '../../../src/io/fifo-reader.ts';
import { FifoWriter } from '../../../src/io/fifo-writer.ts';
import { makeFifo } from '../../../src/io/fifo.ts';
import {
  assertNothingLeaked,
  begin,
  type FifoContext,
  cleanUp,
  shell,
  soon,
  warmUp,
} from './fifo-fixture.ts';

const test = suite<FifoContext>('many named pipes');
test.before(warmUp);
test.before.each(begin);
test.after.each(cleanUp);

const count = 64;
const numbers = Array.from({ length: count }, (_, index) => index);

async function send(writer: FifoWriter, signal: AbortSignal): Promise<void> {
  await writer.opened(signal);
  for (let sent = 0; sent < 4; sent += 1) await writer.write(Buffer.alloc(64 * 1024, 'x'));
  await writer.end();
}

async function openPair(root: string, number: number): Promise<{ reader: FifoReader; writer: FifoWriter }> {
  const reader = await FifoReader.open(root, await makeFifo(root, `out${number}`));
  return { reader, writer: await FifoWriter.open(root, await makeFifo(root, `in${number}`)) };
}

test('many pipes at once do not block each other or any other file operation', async ({ root }) => {
  const pairs = [];
  for (const number of numbers) pairs.push(await openPair(root, number));
  for (const { reader } of pairs) reader.pump({ write: () => sleep(1) });
  const sending = Promise.all(pairs.map(({ writer }) => send(writer, soon())));
  // Four of these would be stuck behind blocking opens, if there were any.
  const others = Promise.all(
    Array.from({ length: 8 }, async () => [await stat(root), await lookup('localhost')]),
  );
  await Promise.race([others, sleep(30_000, undefined, { ref: false }).then(() => assert.unreachable())]);
  const target = shell(root, `for i in $(seq 0 ${count - 1}); do cat in$i > out$i & done; wait`);
  await Promise.all([sending, target.ended]);
  const results = await Promise.all(
    pairs.map(({ reader }) => reader.finish({ idleMs: 5_000, totalMs: 15_000 })),
  );
  assert.ok(results.every(({ bytes, isComplete }) => isComplete && bytes === 256 * 1024));
  for (const { writer } of pairs) writer.close();
});

test('memory stays constant however much data waits for a slow reader', async ({ root }) => {
  const writer = await FifoWriter.open(root, await makeFifo(root, 'in'));
  const target = shell(
    root,
    'for i in $(seq 100); do dd bs=64k count=5 iflag=fullblock status=none; sleep 0.01; done < in | wc -c',
  );
  await writer.opened(soon());
  const chunk = Buffer.alloc(256 * 1024);
  const before = process.memoryUsage.rss();
  for (let sent = 0; sent < 125; sent += 1) await writer.write(chunk);
  await writer.end();
  assert.is((await target.ended).text, String(125 * chunk.length));
  assert.ok(process.memoryUsage.rss() - before < 24 * 1024 * 1024);
  writer.close();
});

test('no descriptor stays open', assertNothingLeaked);

test.run();
