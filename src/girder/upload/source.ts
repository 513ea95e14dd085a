import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { RunError } from '../../support/errors.ts';
import type { ByteSource } from '../http/byte-body.ts';

/** The bytes from `start` to `end`, read through `buffer`; `onRead` gets the position after each block. */
export type SourceRange = {
  readonly start: number;
  readonly end: number;
  readonly buffer: Buffer;
  readonly onRead: (position: number) => void;
};

/**
 * A file that is being uploaded: it must not change meanwhile, and each byte enters its hash once, even if
 * sent twice.
 */
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

  /** Why the file could not be read, as opposed to a failure of the connection to Girder. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * @throws RunError UploadFailed when the size is not the expected one, or the file was written since the
   * first call
   */
  async checkUnchanged(): Promise<void> {
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    this.#modified ??= mtimeNs;
    if (size === BigInt(this.size) && mtimeNs === this.#modified) return;
    const now = size === BigInt(this.size) ? 'it was written to' : `it had ${this.size} bytes, now ${size}`;
    throw new RunError('UploadFailed', `${this.name} changed while it was being uploaded: ${now}`);
  }

  /** Resets the hash, to send the whole file again. */
  restart(): void {
    this.#hash = createHash('sha256');
    this.#hashed = 0;
  }

  /** The SHA-256 of the file, valid once every byte was read. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** All bytes of a small file, in memory of their own. */
  async readAll(): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(this.size);
    if (this.size > 0) await this.#fill(buffer, 0);
    return buffer;
  }

  /** A range of the file as the body of a request. */
  read({ start, end, buffer, onRead }: SourceRange): ByteSource {
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
    // The last bytes are sent only if the file is unchanged, so that Girder never has a complete file of
    // mixed contents.
    if (filled < length || position + length === this.size) await this.checkUnchanged();
    if (filled < length)
      throw new RunError('UploadFailed', `${this.name} ended early while it was being uploaded`);
    this.#count(position, block);
  }

  #count(position: number, block: Buffer): void {
    const unhashed = block.subarray(Math.max(0, this.#hashed - position));
    this.#hash.update(unhashed);
    this.#hashed = Math.max(this.#hashed, position + block.length);
  }
}
