import { open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linesFromEnd } from '../../../src/worker/stage/journal.ts';

async function linesOf(text: string): Promise<string[]> {
  const path = join(tmpdir(), `lines-${process.pid}`);
  await writeFile(path, text);
  try {
    await using file = await open(path);
    const lines: string[] = [];
    for await (const line of linesFromEnd(file, Buffer.byteLength(text))) lines.push(line);
    return lines;
  } finally {
    await rm(path);
  }
}

test('lines are read from the last to the first, also across chunks', async () => {
  assert.equal(await linesOf('a\nb\nc'), ['c', 'b', 'a']);
  assert.equal(await linesOf(''), ['']);
  const lines = Array.from({ length: 30_000 }, (_, index) => `ü ${index}`);
  assert.equal(await linesOf(lines.join('\n')), lines.toReversed());
});

test('a line of any length is cut to at most two chunks', async () => {
  const [last, long = '', first] = await linesOf(`first\n${'x'.repeat(1_000_000)}\nlast`);
  assert.equal([first, last], ['first', 'last']);
  assert.ok(long.length <= 128 * 1024, String(long.length));
});

test.run();
