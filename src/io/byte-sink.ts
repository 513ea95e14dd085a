import type { FileHandle } from 'node:fs/promises';

export type ByteSink = {
  write(chunk: Buffer): Promise<void> | undefined;
  /** Everything so far was in vain, the stream begins anew; a sink that cannot do that throws. */
  restart(): Promise<void>;
};

/** Writes a stream of chunks to a file from position 0 on; each chunk waits until the one before is in the file. */
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

  /** Resolves when everything written so far is in the file. */
  async flush(): Promise<void> {
    await this.#inFlight;
  }

  /** Forgets everything written so far; the next chunk is the first of the file. */
  async restart(): Promise<void> {
    await this.#inFlight;
    this.#position = 0;
    await this.#handle.truncate(0);
  }

  async #writeAll(chunk: Buffer): Promise<void> {
    // More than once for a short write, as on a full disk: the rest either fits after all or says why not.
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}
