import type { ByteSink } from '../../io/byte-sink.ts';
import { asError, describe, RunError } from '../../support/errors.ts';
import { LeastSpeed } from '../../support/least-speed.ts';
import { StalledError, Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, parseFile } from '../documents.ts';
import { BrokenBody } from '../http/byte-body.ts';
import { parseContentRange } from '../http/http1.ts';
import type { HttpResponse } from '../http/transport.ts';
import { doubtfulMs, NoResponse, RangeRefused, type RetryBudget, TransientFailure } from '../retry.ts';
import type { TransferOptions } from '../tree-transfer.ts';

/** The file as it was when it was streamed, and its actual size in bytes. */
type StreamedFile = { readonly file: GirderFile; readonly bytes: number };

/** A compromise between system calls and memory. */
export const defaultBufferBytes = 256 * 1024;
/** Bytes. TLS delivers 16 KiB at a time, and has some records in reserve. */
const leastBufferBytes = 128 * 1024;
const maxRestarts = 5;

export function describeFile(client: GirderClient, fileId: string, signal: AbortSignal): Promise<GirderFile> {
  return client.json({
    method: 'GET',
    route: ['file', fileId],
    subject: `file ${fileId}`,
    signal,
    parse: parseFile,
  });
}

/**
 * Streams a whole file into a sink in constant memory. A broken transfer is resumed where it broke; if the
 * file was replaced in Girder meanwhile, it starts again, so that two versions are never mixed.
 */
export async function streamFile(
  client: GirderClient,
  file: GirderFile,
  sink: ByteSink,
  options: TransferOptions,
): Promise<StreamedFile> {
  return new FileStream(client, file, sink, options).run();
}

/** A small file needs no more than its bytes and the head of the response. */
function bufferBytesFor(size = defaultBufferBytes): number {
  return Math.min(defaultBufferBytes, Math.max(leastBufferBytes, size));
}

class FileStream {
  readonly #client: GirderClient;
  readonly #sink: ByteSink;
  readonly #options: TransferOptions;
  readonly #budget: RetryBudget;
  readonly #speed: LeastSpeed;
  #buffer: Buffer | undefined;
  #file: GirderFile;
  #bytes = 0;
  #restarts = 0;
  /** The size in bytes; for a link file without a size, it is known from the first response. */
  #total: number | undefined;

  constructor(client: GirderClient, file: GirderFile, sink: ByteSink, options: TransferOptions) {
    this.#client = client;
    this.#budget = client.budget();
    this.#file = file;
    this.#sink = sink;
    this.#options = options;
    this.#total = file.size;
    this.#speed = new LeastSpeed(client.timing.speed);
  }

  async run(): Promise<StreamedFile> {
    for (;;) {
      try {
        if (this.#bytes === this.#total) return { file: this.#file, bytes: this.#bytes };
        await this.#transfer();
        return { file: this.#file, bytes: this.#bytes };
      } catch (error) {
        if (!(error instanceof TransientFailure)) throw error;
        const failure = error instanceof RangeRefused ? this.#mismatch(error.message) : error;
        await this.#client.waitToRetry(this.#budget, failure, this.#context());
        await this.#followReplacement();
      }
    }
  }

  async #transfer(): Promise<void> {
    const headers = this.#bytes > 0 ? { Range: `bytes=${this.#bytes}-` } : {};
    const route = ['file', this.#file._id, 'download'];
    const buffer = (this.#buffer ??= this.#newBuffer());
    const response = await this.#client.open({ method: 'GET', route, headers, buffer, ...this.#context() });
    try {
      await this.#align(response);
      await this.#pump(response);
    } finally {
      response.body.destroy();
    }
    if (this.#total !== undefined && this.#bytes !== this.#total) {
      throw this.#mismatch(`the transfer ended after ${this.#bytes} of ${this.#total} bytes`);
    }
  }

  /** Makes sure that the response starts with the next byte, and restarts if Girder sends the whole file. */
  async #align(response: HttpResponse): Promise<void> {
    if (response.status === 206) {
      const range = parseContentRange(response.header('content-range'));
      if (range?.first !== this.#bytes) throw this.#mismatch('it returned another range than requested');
      this.#total ??= range.total;
      return;
    }
    if (this.#bytes > 0) await this.#restart();
    const length = response.header('content-length');
    if (this.#total === undefined && length !== undefined) this.#total = Number(length);
  }

  async #pump({ body }: HttpResponse): Promise<void> {
    using watchdog = new Watchdog(this.#client.timing.stall, 'byte of the file', this.#options.signal);
    const onAbort = () => body.destroy(asError(watchdog.signal.reason));
    watchdog.signal.addEventListener('abort', onAbort);
    if (watchdog.signal.aborted) onAbort();
    try {
      await body.pump((chunk) => this.#take(chunk, watchdog));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #take(chunk: Buffer, watchdog: Watchdog): Promise<void> | undefined {
    if (this.#total !== undefined && this.#bytes + chunk.length > this.#total) return this.#refuseSurplus();
    const wait = this.#sink.write(chunk);
    if (wait === undefined) {
      this.#took(chunk.length, watchdog);
      return undefined;
    }
    // While the sink is slow, silence is not the server's fault.
    watchdog.pause();
    this.#speed.pause();
    return wait.then(() => this.#took(chunk.length, watchdog));
  }

  #took(bytes: number, watchdog: Watchdog): void {
    watchdog.touch();
    this.#bytes += bytes;
    this.#checkSpeed(bytes);
    this.#budget.progress();
    this.#options.onProgress?.(this.#bytes, this.#total);
  }

  /** @throws RunError GirderUnavailable, which is not retried here: each try would be as slow */
  #checkSpeed(bytes: number): void {
    try {
      this.#speed.moved(bytes);
    } catch (error) {
      const { apiUrl } = this.#client;
      const text = `Girder ${apiUrl} sends file ${this.#file._id} too slowly: ${describe(error)}`;
      throw new RunError('GirderUnavailable', text);
    }
  }

  async #refuseSurplus(): Promise<never> {
    const failure = this.#mismatch(`it sent more than the ${this.#total} bytes of the file`);
    await this.#restart();
    throw failure;
  }

  #explain(error: unknown): unknown {
    this.#options.signal.throwIfAborted();
    if (error instanceof StalledError) return new NoResponse(error.message);
    if (!(error instanceof BrokenBody)) return error;
    return new TransientFailure(`the connection broke after ${this.#bytes} bytes: ${error.message}`);
  }

  /** What Girder or a server in between sends does not fit the file that Girder lists; another answer may. */
  #mismatch(why: string): TransientFailure {
    const { _id, name, size } = this.#file;
    const listed = `Girder ${this.#client.apiUrl} lists file ${_id} (${name.slice(0, 100)}) with ${size ?? 'no'} bytes`;
    const text = `${listed}, but ${why}; the file, its assetstore or a server in between is at fault`;
    const afterMs = doubtfulMs[this.#client.atRisk];
    return new TransientFailure(why, undefined, { afterMs, error: new RunError('DownloadFailed', text) });
  }

  async #followReplacement(): Promise<void> {
    const now = await describeFile(this.#client, this.#file._id, this.#options.signal);
    if (now.size === this.#file.size && now.created === this.#file.created) return;
    this.#file = now;
    await this.#restart();
  }

  async #restart(): Promise<void> {
    this.#restarts += 1;
    if (this.#restarts > maxRestarts) {
      const text = `file ${this.#file._id} in Girder ${this.#client.apiUrl} keeps changing while it is downloaded`;
      throw new RunError('DownloadFailed', `${text}, or a server in between sends other bytes each time`);
    }
    await this.#sink.restart();
    this.#bytes = 0;
    this.#total = this.#file.size;
  }

  #newBuffer(): Buffer {
    return Buffer.allocUnsafeSlow(this.#options.bufferBytes ?? bufferBytesFor(this.#total));
  }

  #context() {
    return { subject: `file ${this.#file._id}`, signal: this.#options.signal };
  }
}
