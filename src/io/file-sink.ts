import type { FileHandle } from 'node:fs/promises';

/** Enough for few system calls, little enough that two batches hardly count in memory. */
const batchBytes = 1024 * 1024;

/**
 * Writes a stream of chunks to a file from position 0 on, in batches, with one batch in flight while the next one
 * collects. `write` gives a promise when the caller must wait for it before the next chunk.
 */
export class FileSink {
  readonly #handle: FileHandle;
  #batch: Buffer[] = [];
  #batched = 0;
  #position = 0;
  #inFlight: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  write(chunk: Buffer): Promise<void> | undefined {
    this.#batch.push(chunk);
    this.#batched += chunk.length;
    return this.#batched >= batchBytes ? this.#submit() : undefined;
  }

  /** Resolves when everything written so far is in the file. */
  async flush(): Promise<void> {
    await this.#submit();
    await this.#inFlight;
    this.#throwFailure();
  }

  /** Forgets everything written so far; the next chunk is the first of the file. */
  async restart(): Promise<void> {
    this.#batch = [];
    this.#batched = 0;
    await this.#inFlight;
    this.#throwFailure();
    this.#position = 0;
    await this.#handle.truncate(0);
  }

  async #submit(): Promise<void> {
    await this.#inFlight;
    this.#throwFailure();
    if (this.#batched === 0) return;
    const batch = this.#batch;
    const position = this.#position;
    this.#position += this.#batched;
    this.#batch = [];
    this.#batched = 0;
    this.#inFlight = this.#writeAll(batch, position).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  async #writeAll(buffers: readonly Buffer[], position: number): Promise<void> {
    const { bytesWritten } = await this.#handle.writev(buffers, position);
    if (bytesWritten === totalLength(buffers)) return;
    // A short write, as on a full disk: the rest either fits after all or says why not.
    const rest = Buffer.concat(buffers).subarray(bytesWritten);
    for (let done = 0; done < rest.length;) {
      const result = await this.#handle.write(rest, done, rest.length - done, position + bytesWritten + done);
      done += result.bytesWritten;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function totalLength(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}
