import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { RunError } from '../../support/errors.ts';
import type { ByteSource } from '../http/byte-body.ts';

/** Which bytes of a file, through which memory; `onRead` hears the position after each block. */
export type Stretch = {
  readonly start: number;
  readonly end: number;
  readonly buffer: Buffer;
  readonly onRead: (position: number) => void;
};

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

  /** A stretch of the file as the body of a request. */
  read({ start, end, buffer, onRead }: Stretch): ByteSource {
    let position = start;
    const next = async (into: Buffer) => {
      const block = into.subarray(0, end - position);
      if (block.length === 0) return 0;
      await this.#fill(block, position);
      position += block.length;
      onRead(position);
      return block.length;
    };
    const fail = (error: unknown): never => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    };
    return { buffer, next: (into) => next(into).catch(fail) };
  }

  async #fill(block: Buffer, position: number): Promise<void> {
    const { length } = block;
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
  }

  #count(position: number, block: Buffer): void {
    const fresh = block.subarray(Math.max(0, this.#hashed - position));
    this.#hash.update(fresh);
    this.#hashed = Math.max(this.#hashed, position + block.length);
  }
}
