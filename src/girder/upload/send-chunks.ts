import { sleep } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import { Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload, parseOffset } from '../documents.ts';
import { RetryBudget, TransientFailure } from '../retry.ts';
import { defaultBufferBytes } from '../download/stream-file.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import type { UploadSource } from './source.ts';

/** Bytes in one request: Girder refuses chunks of less than 5 MiB, and a broken one is sent again in part. */
const chunkBytes = 32 * 1024 * 1024;
/** Girder may still be writing what it got of a broken chunk; its offset is only good when it stands still. */
const settleTime = 1_000;

/** The file that came of it (none if Girder no longer knows the upload), and whether any chunk was broken. */
export type Sent = { readonly file: GirderFile | undefined; readonly wasResumed: boolean };

/** Sends all chunks of a begun upload, and after a broken one goes on from what Girder says it has. */
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

  /** One chunk; resolves with the file when it was the last one. */
  async #sendOne(): Promise<GirderFile | undefined> {
    const { size } = this.#source;
    const end = Math.min(this.#offset + chunkBytes, size);
    const { subject, signal } = this.#options;
    using watchdog = new Watchdog(this.#client.timing.stall, 'progress of the upload', signal);
    const onRead = (position: number) => {
      if (position === end) watchdog.expect(this.#client.timing.store, 'answer to the end of a chunk');
      else watchdog.touch();
      this.#report(position);
    };
    const body = this.#source.read({ start: this.#offset, end, buffer: this.#buffer, onRead });
    try {
      const query = { uploadId: this.#uploadId, offset: this.#offset };
      const length = end - this.#offset;
      const route = ['file', 'chunk'];
      const ask = { method: 'POST' as const, route, query, subject, signal, body, length, watchdog };
      const answer = await this.#client.send({ ...ask, parse: parseFileOrUpload });
      if ('file' in answer) return answer.file;
      this.#offset = answer.upload.received;
      this.#budget.progress();
      return undefined;
    } catch (error) {
      // The file may still be being read into the old memory.
      this.#buffer = this.#newBuffer();
      // What the source found wrong is the cause of whatever the connection says.
      throw this.#source.failure ?? error;
    }
  }

  /** Finds out where to go on; false when Girder does not know the upload any more. */
  async #recover(error: unknown): Promise<boolean> {
    const isRefusal = error instanceof RunError && error.reason === 'GirderRefused';
    const failure = isRefusal ? new TransientFailure(error.message) : error;
    if (!(failure instanceof TransientFailure)) throw error;
    await this.#client.waitAgain(this.#budget, failure, this.#options);
    const sentFrom = this.#offset;
    const offset = await this.#settledOffset();
    if (offset === undefined) return false;
    // A refusal because of an offset that had moved is no refusal; any other is.
    if (isRefusal && offset === sentFrom) throw error;
    this.#offset = offset;
    return true;
  }

  async #settledOffset(): Promise<number | undefined> {
    let last = await this.#askOffset();
    for (;;) {
      await sleep(settleTime, this.#options.signal);
      const now = await this.#askOffset();
      if (now === last) return now;
      last = now;
    }
  }

  async #askOffset(): Promise<number | undefined> {
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
