import type { FileHandle } from 'node:fs/promises';

/** Bytes that are read at once, and of a line that are kept. */
const chunkBytes = 64 * 1024;

/** Gives the lines in the first `size` bytes of a file from the last to the first, and holds only a few at a time. */
export async function* linesFromEnd(file: FileHandle, size: number): AsyncGenerator<string, void, undefined> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  // In latin1 every character is one byte: a chunk may begin within a character.
  let rest = '';
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const lines = (chunk.toString('latin1', 0, bytesRead) + rest).split('\n');
    rest = lines.shift()?.slice(0, chunkBytes) ?? '';
    for (const line of lines.toReversed()) yield Buffer.from(line, 'latin1').toString();
  }
  yield Buffer.from(rest, 'latin1').toString();
}
