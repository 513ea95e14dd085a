import type { GirderClient } from '../../girder/client.ts';
import type { GirderFile } from '../../girder/documents.ts';
import { streamFile } from '../../girder/download/stream-file.ts';
import { CannotRestart, type FifoWriter, ReaderGone } from '../../io/fifo-writer.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';

/** `bufferBytes` bounds the memory of the stream. */
export type StreamedInput = {
  readonly name: string;
  readonly girder: GirderClient;
  readonly file: GirderFile;
  readonly writer: FifoWriter;
  readonly bufferBytes: number;
};

/** Streams a file of Girder into a pipe that the target reads. */
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
   * Streams until the target has ended (`ended`); never rejects. It is not a failure if the target never
   * opens its input or stops reading early. If the file cannot be read to its end, the run fails while the
   * pipe is still open: a target that saw the end of the pipe would take the part for the whole.
   */
  async run(ended: AbortSignal): Promise<void> {
    const { writer } = this.#input;
    try {
      await writer.opened(ended);
      await this.#transfer(ended);
      await writer.dismiss(ended);
    } catch (error) {
      if (!ended.aborted) this.#onFailure(this.#explain(error));
    } finally {
      // A stream that is not read any more waits for nothing.
      this.#context.report.girderProblem = undefined;
    }
  }

  /** Releases the pipe. */
  close(): void {
    this.#input.writer.close();
  }

  async #transfer(signal: AbortSignal): Promise<void> {
    const { name, girder, file, writer, bufferBytes } = this.#input;
    const onProgress = (bytes: number, total: number | undefined) =>
      this.#context.report.streamed('download', name, bytes, total);
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
    return new RunError('StreamFailed', `cannot deliver the stream ${name}: ${why}`, {
      cause: error,
    });
  }
}
