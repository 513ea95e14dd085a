import type { GirderClient } from '../../girder/client.ts';
import type { GirderFile } from '../../girder/documents.ts';
import { streamFile } from '../../girder/download/stream-file.ts';
import { CannotRestart, type FifoWriter, ReaderGone } from '../../io/fifo-writer.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';

/** A file of Girder, the pipe that it goes into, and the memory that it may use on the way. */
export type StreamedInput = {
  readonly name: string;
  readonly girder: GirderClient;
  readonly file: GirderFile;
  readonly writer: FifoWriter;
  readonly bufferBytes: number;
};

/** A file of Girder on its way into a pipe that the target reads. */
export class InputStream {
  readonly #context: RunContext;
  readonly #input: StreamedInput;
  readonly #onFailure: (failure: RunError) => void;

  constructor(context: RunContext, input: StreamedInput, onFailure: (failure: RunError) => void) {
    this.#context = context;
    this.#input = input;
    this.#onFailure = onFailure;
  }

  /**
   * Feeds the target while it runs, which `ended` says; never rejects. A target that never opens its input, or stops
   * reading early, had enough. When the file cannot be had to its end, the run fails while the pipe is still open:
   * a target that saw it end would take the part for the whole.
   */
  async run(ended: AbortSignal): Promise<void> {
    const { writer } = this.#input;
    try {
      await writer.opened(ended);
      await this.#transfer(ended);
      await writer.dismiss(ended);
    } catch (error) {
      if (!ended.aborted) this.#onFailure(this.#explain(error));
    }
  }

  /** Lets go of the pipe. */
  close(): void {
    this.#input.writer.close();
  }

  async #transfer(signal: AbortSignal): Promise<void> {
    const { name, girder, file, writer, bufferBytes } = this.#input;
    const onProgress = (bytes: number, total: number | undefined) =>
      this.#context.report.transferred('download', name, bytes, total);
    try {
      await streamFile(girder, file, writer, { signal, bufferBytes, onProgress });
      await writer.end();
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error;
    }
  }

  #explain(error: unknown): RunError {
    if (error instanceof RunError) return error;
    const { name, file } = this.#input;
    const why =
      error instanceof CannotRestart
        ? `file ${file._id} was replaced in Girder while the target read it`
        : describe(error);
    return new RunError('StreamFailed', `the stream ${name} cannot be delivered: ${why}`, {
      cause: error,
    });
  }
}
