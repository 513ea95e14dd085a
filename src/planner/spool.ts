import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { parseJson } from '../api/json-values.ts';

/** Bytes that wait in memory. */
const bufferBytes = 64 * 1024;

/** An unnamed file on the disk of the node that takes texts at its end, so that memory does not grow with them. */
export class Spool implements AsyncDisposable {
  readonly handle: FileHandle;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #size = 0;

  private constructor(handle: FileHandle) {
    this.handle = handle;
  }

  static async open(directory: string): Promise<Spool> {
    const path = join(directory, `dockerrun-plan-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    // The kernel frees it when the process ends, however that ends.
    await rm(path);
    return new Spool(handle);
  }

  /** Bytes in the file, after {@link flush}. */
  get size(): number {
    return this.#size;
  }

  async add(text: string): Promise<void> {
    this.#waiting.push(text);
    this.#waitingBytes += text.length;
    if (this.#waitingBytes >= bufferBytes) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.from(this.#waiting.join(''));
    [this.#waiting, this.#waitingBytes] = [[], 0];
    for (let written = 0; written < bytes.length;) {
      const rest = bytes.length - written;
      const { bytesWritten } = await this.handle.write(bytes, written, rest, this.#size);
      written += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}

/** Values in the order in which they were added, one JSON text in a line. */
export class ValueSpool<T> implements AsyncDisposable {
  readonly #spool: Spool;
  #count = 0;

  private constructor(spool: Spool) {
    this.#spool = spool;
  }

  static async open<T>(directory: string): Promise<ValueSpool<T>> {
    return new ValueSpool<T>(await Spool.open(directory));
  }

  get count(): number {
    return this.#count;
  }

  async add(value: T): Promise<void> {
    this.#count += 1;
    await this.#spool.add(`${JSON.stringify(value)}\n`);
  }

  async *values(): AsyncGenerator<T, void, undefined> {
    await this.#spool.flush();
    let rest = Buffer.alloc(0);
    for (let position = 0; position < this.#spool.size;) {
      const block = Buffer.alloc(bufferBytes);
      const { bytesRead } = await this.#spool.handle.read(block, 0, bufferBytes, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      rest = Buffer.concat([rest, block.subarray(0, bytesRead)]);
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        // Only what this class wrote is in the file.
        yield parseJson(rest.toString('utf8', 0, end)) as T;
        rest = rest.subarray(end + 1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool[Symbol.asyncDispose]();
  }
}
