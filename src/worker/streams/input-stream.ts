import type { GirderClient } from '../../girder/client.ts';
import type { GirderFile } from '../../girder/documents.ts';
import { streamFile } from '../../girder/download/stream-file.ts';
import { CannotRestart, type FifoWriter, ReaderGone } from '../../io/fifo-writer.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { LiveReport } from '../live-report.ts';

/** What an input stream needs: where its bytes are, and whom to tell. */
export type InputSupport = {
  readonly girder: GirderClient;
  readonly report: LiveReport;
  readonly fail: (error: RunError) => void;
  readonly bufferBytes: number;
};

/** A file of Girder on its way into a pipe that the target reads. */
export class InputStream {
  readonly #name: string;
  readonly #file: GirderFile;
  readonly #writer: FifoWriter;
  readonly #support: InputSupport;

  constructor(
    input: { readonly name: string; readonly file: GirderFile; readonly writer: FifoWriter },
    support: InputSupport,
  ) {
    this.#name = input.name;
    this.#file = input.file;
    this.#writer = input.writer;
    this.#support = support;
  }

  /**
   * Feeds the target while it runs, which `ended` says; never rejects. A target that never opens its input, or stops
   * reading early, had enough. When the file cannot be had to its end, the run fails while the pipe is still open:
   * a target that saw it end would take the part for the whole.
   */
  async run(ended: AbortSignal): Promise<void> {
    try {
      await this.#writer.opened(ended);
      await this.#transfer(ended);
      await this.#writer.dismiss(ended);
    } catch (error) {
      if (!ended.aborted) this.#support.fail(this.#explain(error));
    }
  }

  /** Lets go of the pipe. */
  close(): void {
    this.#writer.close();
  }

  async #transfer(signal: AbortSignal): Promise<void> {
    const { girder, report, bufferBytes } = this.#support;
    const onProgress = (bytes: number, total: number | undefined) =>
      report.transferred('download', this.#name, bytes, total);
    try {
      await streamFile(girder, this.#file, this.#writer, { signal, bufferBytes, onProgress });
      await this.#writer.end();
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error;
    }
  }

  #explain(error: unknown): RunError {
    if (error instanceof RunError) return error;
    const why =
      error instanceof CannotRestart
        ? `file ${this.#file._id} was replaced in Girder while the target read it`
        : describe(error);
    return new RunError('StreamFailed', `the stream ${this.#name} cannot be delivered: ${why}`, {
      cause: error,
    });
  }
}
