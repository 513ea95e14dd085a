import { Readable } from 'node:stream';

/** The body of a request. */
export type ByteSource = {
  /** Fills memory that stays the caller's with the next bytes and tells how many; 0 at the end. */
  next(into: Buffer): Promise<number>;
  /** The memory to use for the whole body. */
  readonly buffer: Buffer;
};

/** The same as a stream of Node's, whose chunks need memory of their own. */
export function readableOf(source: ByteSource): Readable {
  const pull = async (stream: Readable): Promise<void> => {
    const block = Buffer.allocUnsafeSlow(source.buffer.length);
    const bytes = await source.next(block);
    stream.push(bytes === 0 ? null : block.subarray(0, bytes));
  };
  return new Readable({
    highWaterMark: source.buffer.length,
    read() {
      pull(this).catch((error: unknown) => {
        this.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    },
  });
}
