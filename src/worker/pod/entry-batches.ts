import { type FileHandle, opendir } from 'node:fs/promises';
import { inDirectory } from '../../io/confined.ts';

/** An entry of a directory, its name in bytes. */
export type Entry = { readonly name: Buffer; readonly isDirectory: boolean };

/** All that is held of a directory at once, whatever its size. */
const batchSize = 64;

/** Reads a directory some entries at a time; these may be removed before the next are asked for. */
export async function* entryBatches(directory: FileHandle): AsyncGenerator<Entry[], void, undefined> {
  let batch: Entry[] = [];
  const entries = await opendir(inDirectory(directory, ''), { encoding: 'latin1', bufferSize: batchSize });
  for await (const entry of entries) {
    batch.push({ name: Buffer.from(entry.name, 'latin1'), isDirectory: entry.isDirectory() });
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
