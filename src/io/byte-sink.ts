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

/** How many bytes of the beginning and of the end of a stream are kept. */
export type KeptBytes = { readonly head: number; readonly tail: number };

const copyBytes = 1024 * 1024;

/** Keeps the beginning and the end of a stream of any length in a file of bounded size. */
export class HeadAndTail {
  readonly #handle: FileHandle;
  readonly #kept: KeptBytes;
  #length = 0;

  constructor(handle: FileHandle, kept: KeptBytes) {
    this.#handle = handle;
    this.#kept = kept;
  }

  /** How many bytes between the beginning and the end are not kept. */
  get cut(): number {
    return Math.max(0, this.#length - this.#kept.head - this.#kept.tail);
  }

  /** Call it again only after the promise has settled. */
  async write(chunk: Buffer): Promise<void> {
    for (let done = 0; done < chunk.length;) {
      const { at, room } = this.#place(this.#length);
      const { bytesWritten } = await this.#handle.write(chunk, done, Math.min(room, chunk.length - done), at);
      done += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  /** Writes what is kept to another file, with `notice` in place of what is not, and returns its size. */
  async copyTo(other: FileHandle, notice: string): Promise<number> {
    const out = new FileSink(other);
    const { head } = this.#kept;
    const headEnd = Math.min(head, this.#length);
    await this.#copy(out, 0, headEnd);
    if (this.cut > 0) await out.write(Buffer.from(notice));
    await this.#copy(out, headEnd + this.cut, this.#length);
    return (await other.stat()).size;
  }

  async #copy(out: FileSink, from: number, to: number): Promise<void> {
    for (let position = from; position < to;) {
      const { at, room } = this.#place(position);
      const length = Math.min(room, to - position, copyBytes);
      const { bytesRead, buffer } = await this.#handle.read(Buffer.alloc(length), 0, length, at);
      if (bytesRead === 0) return;
      await out.write(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
  }

  /** Where a byte of the stream is in the file, and how many bytes of the stream follow there in one piece. */
  #place(position: number): { at: number; room: number } {
    const { head, tail } = this.#kept;
    if (position < head) return { at: position, room: head - position };
    const inTail = (position - head) % tail;
    return { at: head + inTail, room: tail - inTail };
  }
}
