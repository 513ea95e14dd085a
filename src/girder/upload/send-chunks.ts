import { sleep } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import { LeastSpeed } from '../../support/least-speed.ts';
import { Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload, parseOffset } from '../documents.ts';
import { RetryBudget, TransientFailure } from '../retry.ts';
import { defaultBufferBytes } from '../download/stream-file.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import type { UploadSource } from './source.ts';

/**
 * Bytes in one request. Girder refuses chunks of less than 5 MiB; of an interrupted one only the rest is sent
 * again.
 */
const chunkBytes = 32 * 1024 * 1024;
/**
 * Girder may still be writing an interrupted chunk; the offset is final once it stays the same for this time.
 */
const settleMs = 1_000;
/** How often the offset is asked for before an upload whose offset never stays the same is given up. */
const maxSettles = 120;

/**
 * `file` is undefined if Girder no longer knows the upload; `wasResumed` is true if a chunk was interrupted.
 */
export type Sent = { readonly file: GirderFile | undefined; readonly wasResumed: boolean };

/** Sends all chunks of an upload; after an interrupted one it continues at the offset that Girder reports. */
export async function sendChunks(
  client: GirderClient,
  upload: GirderUpload,
  source: UploadSource,
  options: TransferOptions & { readonly subject: string },
): Promise<Sent> {
  return new ChunkSender(client, upload, source, options).run();
}

class ChunkSender {
  readonly #client: GirderClient;
  readonly #uploadId: string;
  readonly #source: UploadSource;
  readonly #options: TransferOptions & { readonly subject: string };
  readonly #budget = new RetryBudget();
  readonly #speed: LeastSpeed;
  #buffer: Buffer;
  #offset: number;
  #reported = 0;
  #wasResumed = false;

  constructor(
    client: GirderClient,
    upload: GirderUpload,
    source: UploadSource,
    options: TransferOptions & { readonly subject: string },
  ) {
    this.#client = client;
    this.#uploadId = upload._id;
    this.#offset = upload.received;
    this.#source = source;
    this.#options = options;
    this.#speed = new LeastSpeed(client.timing.speed);
    this.#buffer = this.#newBuffer();
  }

  async run(): Promise<Sent> {
    for (;;) {
      try {
        const file = await this.#sendOne();
        if (file !== undefined) return { file, wasResumed: this.#wasResumed };
      } catch (error) {
        this.#wasResumed = true;
        if (!(await this.#recover(error))) return { file: undefined, wasResumed: true };
      }
    }
  }

  /** Sends one chunk; returns the file after the last one. */
  async #sendOne(): Promise<GirderFile | undefined> {
    const { size } = this.#source;
    const end = Math.min(this.#offset + chunkBytes, size);
    const { subject, signal } = this.#options;
    using watchdog = new Watchdog(this.#client.timing.stall, 'progress of the upload', signal);
    let last = this.#offset;
    const onRead = (position: number) => {
      this.#checkSpeed(position - last);
      last = position;
      if (position === end) watchdog.expect(this.#client.timing.store, 'response to the end of a chunk');
      else watchdog.touch();
      this.#report(position);
    };
    const body = this.#source.read({ start: this.#offset, end, buffer: this.#buffer, onRead });
    try {
      const query = { uploadId: this.#uploadId, offset: this.#offset };
      const length = end - this.#offset;
      const route = ['file', 'chunk'];
      const request = { method: 'POST' as const, route, query, subject, signal, body, length, watchdog };
      const result = await this.#client.send({ ...request, parse: parseFileOrUpload });
      if ('file' in result) return result.file;
      this.#offset = result.upload.received;
      this.#budget.progress();
      return undefined;
    } catch (error) {
      // A read of the file into the old memory may still be under way.
      this.#buffer = this.#newBuffer();
      // A failure of the source is the cause of any failure of the connection.
      throw this.#source.failure ?? error;
    }
  }

  /** Finds the offset at which to continue; false when Girder no longer knows the upload. */
  async #recover(error: unknown): Promise<boolean> {
    const isRefusal = error instanceof RunError && error.reason === 'GirderRefused';
    const failure = isRefusal ? new TransientFailure(error.message) : error;
    if (!(failure instanceof TransientFailure)) throw error;
    await this.#client.waitToRetry(this.#budget, failure, this.#options);
    const sentFrom = this.#offset;
    const offset = await this.#settledOffset();
    if (offset === undefined) return false;
    // A refusal because the offset had moved is not an error; any other refusal is.
    if (isRefusal && offset === sentFrom) throw error;
    this.#offset = offset;
    return true;
  }

  async #settledOffset(): Promise<number | undefined> {
    let last = await this.#requestOffset();
    for (let settles = 0; settles < maxSettles; settles += 1) {
      await sleep(settleMs, this.#options.signal);
      const now = await this.#requestOffset();
      if (now === last) return now;
      last = now;
    }
    const { subject } = this.#options;
    throw new RunError(
      'UploadFailed',
      `Girder keeps changing the offset of ${subject} though nothing is sent`,
    );
  }

  /** @throws RunError UploadFailed, which is not retried here: each try would be as slow */
  #checkSpeed(bytes: number): void {
    try {
      this.#speed.moved(bytes);
    } catch (error) {
      const text = `Girder ${this.#client.apiUrl} takes ${this.#options.subject} too slowly: ${describe(error)}`;
      throw new RunError('UploadFailed', text);
    }
  }

  async #requestOffset(): Promise<number | undefined> {
    const { subject, signal } = this.#options;
    const route = ['file', 'offset'];
    const query = { uploadId: this.#uploadId };
    try {
      return await this.#client.json({ method: 'GET', route, query, subject, signal, parse: parseOffset });
    } catch (error) {
      if (error instanceof RunError && error.reason === 'GirderNotFound') return undefined;
      throw error;
    }
  }

  #newBuffer(): Buffer {
    return Buffer.allocUnsafeSlow(this.#options.bufferBytes ?? defaultBufferBytes);
  }

  #report(position: number): void {
    if (position <= this.#reported) return;
    this.#reported = position;
    this.#options.onProgress?.(position, this.#source.size);
  }
}
