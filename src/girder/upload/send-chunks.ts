import { sleep } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import { LeastSpeed } from '../../support/least-speed.ts';
import { Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import {
  type GirderFile,
  type GirderUpload,
  parseFileOrUpload,
  parseOffset,
  type S3Upload,
} from '../documents.ts';
import { ChunkRefused } from '../girder-error.ts';
import { type RetryBudget, TransientFailure } from '../retry.ts';
import { defaultBufferBytes } from '../download/stream-file.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import type { UploadSource } from './source.ts';

const mebi = 1024 * 1024;
/** As Girder's own client; an S3 assetstore takes a file of up to this length only in one request. */
const usualBytes = 64 * mebi;
/** Girder's default for the least length of a chunk that is not the last, and S3's for a part. */
const usualLeastBytes = 5 * mebi;
/** The largest part of S3. */
const mostBytes = 5 * 1024 * mebi;
/** Requests this short are not worth their time. */
const leastBytes = mebi / 4;
/** Girder completes an upload to S3 from one list of parts, which has at most this many. */
export const listedParts = 1000;
/** Fewer than that, since the rest of an interrupted chunk is a part too. */
const plannedParts = 900;
/**
 * Girder may still be writing an interrupted chunk; the offset is final once it stays the same for this time.
 */
const settleMs = 1_000;
/** How often the offset is asked for before an upload whose offset never stays the same is given up. */
const maxSettles = 120;

/**
 * `file` is undefined if Girder no longer knows the upload; `wasResumed` is true if a chunk was interrupted.
 * `chunks` counts the requests that Girder accepted.
 */
export type Sent = {
  readonly file: GirderFile | undefined;
  readonly wasResumed: boolean;
  readonly chunks: number;
};

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
  readonly #upload: GirderUpload;
  readonly #source: UploadSource;
  readonly #options: TransferOptions & { readonly subject: string };
  readonly #budget: RetryBudget;
  readonly #speed: LeastSpeed;
  readonly #length: ChunkLength;
  #buffer: Buffer;
  #offset: number;
  #reported = 0;
  #wasResumed = false;
  #chunks = 0;

  constructor(
    client: GirderClient,
    upload: GirderUpload,
    source: UploadSource,
    options: TransferOptions & { readonly subject: string },
  ) {
    this.#client = client;
    this.#budget = client.budget();
    this.#upload = upload;
    this.#length = new ChunkLength(source.size, upload.s3);
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
        this.#chunks += 1;
        if (file !== undefined) return this.#sent(file);
      } catch (error) {
        const isKnown = await (error instanceof ChunkRefused ? this.#fit(error) : this.#recover(error));
        if (!isKnown) return this.#sent(undefined);
      }
    }
  }

  #sent(file: GirderFile | undefined): Sent {
    return { file, wasResumed: this.#wasResumed, chunks: this.#chunks };
  }

  /** Sends one chunk; returns the file after the last one. */
  async #sendOne(): Promise<GirderFile | undefined> {
    const end = this.#end;
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
      const query = { uploadId: this.#upload._id, offset: this.#offset };
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

  /** Where the next chunk ends. */
  get #end(): number {
    return Math.min(this.#offset + this.#length.bytes, this.#source.size);
  }

  /**
   * Chooses another length after a refusal, which costs no time of the retries; false when Girder no longer
   * knows the upload.
   * @throws RunError UploadFailed when no length is left that both Girder and a proxy accept
   */
  async #fit(refusal: ChunkRefused): Promise<boolean> {
    const { subject } = this.#options;
    const problem = this.#length.refused(refusal.problem, this.#end - this.#offset);
    if (problem !== undefined)
      throw new RunError(
        'UploadFailed',
        `cannot send ${subject} to Girder ${this.#client.apiUrl}: ${problem}`,
      );
    // Another length is tried for the first time; a refusal may look like a broken connection, and costs retries.
    this.#budget.progress();
    const offset = await this.#requestOffset();
    this.#wasResumed ||= offset !== this.#offset;
    if (offset === undefined) return false;
    this.#offset = offset;
    return true;
  }

  /** Finds the offset at which to continue; false when Girder no longer knows the upload. */
  async #recover(error: unknown): Promise<boolean> {
    this.#wasResumed = true;
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
    const query = { uploadId: this.#upload._id };
    try {
      return await this.#client.json({ method: 'GET', route, query, subject, signal, parse: parseOffset });
    } catch (error) {
      if (!(error instanceof RunError) || error.reason !== 'GirderNotFound') throw error;
      // Of an upload in parts, an S3 assetstore reports no offset before it has the first part.
      const hasNoPart = this.#offset === 0 && this.#end < this.#source.size;
      return this.#upload.s3?.isChunked === true && hasNoPart ? 0 : undefined;
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

/**
 * How many bytes of a file are sent in one request. Neither Girder nor a proxy in front of it shows which
 * lengths it accepts, so the length changes after a refusal until one is accepted, or none is left.
 */
export class ChunkLength {
  readonly #size: number;
  readonly #s3: S3Upload | undefined;
  #isWhole: boolean;
  #bytes: number;
  /** The longest that Girder refused. */
  #tooSmall = 0;
  /** The shortest that a proxy refused. */
  #tooLarge = Infinity;

  /** `size` is that of the file, in bytes; `s3` is what Girder reports of an upload to an S3 assetstore. */
  constructor(size: number, s3?: S3Upload) {
    this.#size = size;
    this.#s3 = s3;
    this.#isWhole = s3?.isChunked === false;
    const usual = s3?.chunkLength ?? usualBytes;
    this.#bytes = Math.min(mostBytes, Math.max(usualLeastBytes, usual, Math.ceil(size / plannedParts)));
  }

  get bytes(): number {
    return this.#isWhole ? this.#size : this.#bytes;
  }

  /** Changes the length after a request with `bytes` was refused; returns why none is left, if none is. */
  refused(problem: ChunkRefused['problem'], bytes: number): string | undefined {
    // Only the rest of a file is refused twice, since no longer chunk can be sent of it.
    if (problem === 'tooSmall' && bytes <= this.#tooSmall) return this.#problem();
    if (problem === 'tooSmall') this.#tooSmall = Math.max(this.#tooSmall, bytes);
    if (problem === 'tooLarge') this.#tooLarge = Math.min(this.#tooLarge, bytes);
    if (problem === 'notWhole' && this.#isWhole) return 'Girder takes no other length';
    this.#isWhole ||= problem === 'notWhole';
    const next = this.#isWhole ? this.#size : this.#next();
    if (next < this.#tooLarge && next > this.#tooSmall && next >= this.#least) this.#bytes = next;
    else return this.#problem();
    return undefined;
  }

  /** Doubled, halved, or the middle of what was refused. */
  #next(): number {
    if (this.#tooLarge === Infinity) return this.#tooSmall * 2;
    if (this.#tooSmall > 0) {
      const isClose = this.#tooLarge - this.#tooSmall < 2 * leastBytes;
      return isClose ? 0 : Math.floor((this.#tooSmall + this.#tooLarge) / 2);
    }
    const half = Math.floor(this.#tooLarge / 2);
    return this.#tooLarge > usualLeastBytes ? Math.max(usualLeastBytes, half) : half;
  }

  get #least(): number {
    if (this.#s3 === undefined) return Math.min(leastBytes, this.#size);
    return Math.min(this.#size, Math.max(usualLeastBytes, Math.ceil(this.#size / listedParts)));
  }

  #problem(): string {
    if (this.#tooLarge === Infinity) return `it refuses chunks of ${this.#tooSmall} bytes as too small`;
    const refusal = `a proxy in front of it refuses requests with a body of ${this.#tooLarge} bytes (413)`;
    return `${refusal}, ${this.#need()}; raise the proxy's limit (nginx: client_max_body_size)`;
  }

  #need(): string {
    if (this.#isWhole) return `and Girder's assetstore takes these ${this.#size} bytes only in one request`;
    if (this.#tooSmall > 0) return `and Girder refuses chunks of ${this.#tooSmall} bytes as too small`;
    return `and no shorter one than ${this.#least} bytes is sent`;
  }
}
