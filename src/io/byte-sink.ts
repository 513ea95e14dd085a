import type { FileHandle } from 'node:fs/promises';

/** Takes a stream of chunks, one write at a time. */
export type ByteSink = {
  /** When it returns a promise, the caller waits for that before the next write. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** The stream starts again from its first byte; a sink that cannot undo its writes throws. */
  restart(): Promise<void>;
};

/** Writes a stream of chunks to a file, from position 0. */
export class FileSink implements ByteSink {
  readonly #handle: FileHandle;
  #position = 0;
  #inFlight: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  write(chunk: Buffer): Promise<void> {
    this.#inFlight = this.#writeAll(chunk);
    return this.#inFlight;
  }

  /** Resolves when everything that was written so far is in the file. */
  async flush(): Promise<void> {
    await this.#inFlight;
  }

  /** Empties the file; the next chunk is its first. */
  async restart(): Promise<void> {
    await this.#inFlight;
    this.#position = 0;
    await this.#handle.truncate(0);
  }

  async #writeAll(chunk: Buffer): Promise<void> {
    // Repeats after a short write, as on a full disk: the rest either fits or fails with the cause.
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}

/** Bytes that arrived in chunks of any size, in memory of at most twice their length however small the chunks are. */
export class GrowingBuffer {
  #memory = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, 2 * this.#memory.length, length));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    chunk.copy(this.#memory, this.#length);
    this.#length = length;
  }

  /** The bytes, in memory that the next ones may replace. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** As UTF-8. */
  toString(): string {
    return this.bytes.toString('utf8');
  }
}
