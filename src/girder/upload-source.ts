import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { RunError } from '../support/errors.ts';

/** Bytes read at once: few system calls, and little in memory. */
const blockBytes = 256 * 1024;

/** A file on its way to Girder: it must stay as it was at the start, and every byte counts once in its hash. */
export class UploadSource {
  readonly name: string;
  readonly size: number;
  readonly #handle: FileHandle;
  #hash: Hash = createHash('sha256');
  #hashed = 0;
  #failure: Error | undefined;
  #modified: bigint | undefined;

  constructor(source: { readonly handle: FileHandle; readonly name: string; readonly size: number }) {
    this.#handle = source.handle;
    this.name = source.name;
    this.size = source.size;
  }

  /** Why the file itself could not be read on, as opposed to any trouble with Girder. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Fails when the file is not of the expected size, or was written to since the first check. */
  async checkUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    this.#modified ??= mtimeNs;
    if (size === BigInt(this.size) && mtimeNs === this.#modified) return;
    const now =
      size === BigInt(this.size) ? 'its contents are others now' : `it had ${this.size} bytes, now ${size}`;
    throw new RunError('UploadFailed', `${this.name} changed while it was being uploaded: ${now}`);
  }

  /** The whole file is sent once more, so its hash begins anew. */
  restart(): void {
    this.#hash = createHash('sha256');
    this.#hashed = 0;
  }

  /** The hash of the whole file; only right once every byte was read. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** The bytes from `start` up to `end` as a stream; `onRead` hears the position after each block. */
  read(start: number, end: number, onRead: (position: number) => void): Readable {
    let position = start;
    const next = async (stream: Readable): Promise<void> => {
      const block = await this.#block(position, Math.min(blockBytes, end - position));
      position += block.length;
      onRead(position);
      stream.push(block);
      if (position === end) stream.push(null);
    };
    const fail = (error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      stream.destroy(this.#failure);
    };
    const stream = new Readable({
      highWaterMark: blockBytes,
      read() {
        next(this).catch(fail);
      },
    });
    return stream;
  }

  async #block(position: number, length: number): Promise<Buffer> {
    const block = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(block, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    // The last bytes leave only when the file is still the one that was begun: Girder then has nothing complete.
    if (filled < length || position + length === this.size) await this.checkUnchanged();
    if (filled < length)
      throw new RunError('UploadFailed', `${this.name} ended early while it was being uploaded`);
    this.#count(position, block);
    return block;
  }

  #count(position: number, block: Buffer): void {
    const fresh = block.subarray(Math.max(0, this.#hashed - position));
    this.#hash.update(fresh);
    this.#hashed = Math.max(this.#hashed, position + block.length);
  }
}
