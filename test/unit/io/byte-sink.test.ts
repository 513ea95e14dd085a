import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FileSink } from '../../../src/io/byte-sink.ts';

test('chunks of all sizes are written to the file in order, and a restart empties it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sink-'));
  const path = join(directory, 'file');
  const chunks = [1, 0, 70_000, 3_000_000, 5, 1024 * 1024, 17].map((size) => randomBytes(size));
  {
    await using handle = await open(path, 'w');
    const sink = new FileSink(handle);
    for (const chunk of chunks) await sink.write(chunk);
    await sink.flush();
    assert.equal(await readFile(path), Buffer.concat(chunks));
    await sink.restart();
    await sink.write(Buffer.from('again'));
    await sink.flush();
  }
  assert.is(await readFile(path, 'utf8'), 'again');
  await rm(directory, { recursive: true });
});

test('on a full disk the write fails, and so does flush', async () => {
  await using handle = await open('/dev/full', 'w');
  const sink = new FileSink(handle);
  for (const writing of [sink.write(Buffer.from('x')), sink.flush()]) {
    const error: unknown = await writing.catch((thrown: unknown) => thrown);
    assert.is((error as { code: string }).code, 'ENOSPC');
  }
});

test.run();
