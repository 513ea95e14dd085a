import type { Writable } from 'node:stream';
import type { GirderFile } from '../../girder/documents.ts';
import type { GirderClient } from '../../girder/client.ts';
import { type FifoEnd, FifoReader } from '../../io/fifo-reader.ts';
import { FifoWriter } from '../../io/fifo-writer.ts';
import type { RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import { InputStream } from './input-stream.ts';
import { openLog, openOutputSink } from './output-sink.ts';
import { OutputStream } from './output-stream.ts';
import type { Pipes } from './pipes.ts';
import { progressReporter } from './progress-lines.ts';

/** Where the input streams come from: Girder, and the documents of their files by id. */
export type StreamSources = {
  readonly girder: GirderClient | undefined;
  readonly files: ReadonlyMap<string, GirderFile>;
};

/** The buffers of all input streams together, and of one of them at most and at least, in bytes. */
const bufferBytes = { all: 8 * 1024 * 1024, most: 512 * 1024, least: 64 * 1024 } as const;

/** More than any end of a stream may take for its bytes, so that the end decides. */
const ownOutputWaitMs = 180_000;

/** A pipe is read until nobody has it open; somebody besides the target may have, and is not waited for. */
const usualEnd = { idleMs: 5_000, totalMs: 600_000 } as const satisfies FifoEnd;

/**
 * The streams of one attempt, from before the target starts until after its end. Nothing that the target does to a
 * pipe decides about the run or keeps it from ending; only bytes that cannot be had or delivered do.
 */
export class Streams {
  /** Where the target's own outputs go: to the log unless a stream has them. */
  stdout: Writable;
  stderr: Writable;
  readonly outputs: OutputStream[] = [];
  readonly #inputs: InputStream[] = [];
  readonly #failed = new AbortController();
  readonly #onFailure = (failure: RunError): void => this.#failed.abort(failure);
  readonly #ended = new AbortController();
  #feeding: Promise<unknown> = Promise.resolve();

  private constructor(context: RunContext) {
    this.stdout = openLog(context, 'stdout');
    this.stderr = openLog(context, 'stderr');
  }

  /** Opens our ends of all pipes, which are made already, so that the target finds a reader wherever it writes. */
  static async open(context: RunContext, pipes: Pipes, sources: StreamSources): Promise<Streams> {
    const streams = new Streams(context);
    try {
      await streams.#openOutputs(context, pipes);
      await streams.#openInputs(context, pipes, sources);
      return streams;
    } catch (error) {
      await streams.close();
      throw error;
    }
  }

  /** Aborts with the first failure, which the target must not survive. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** How long the target's own outputs may stand still at its end: as long as whom they go to may, or as usual. */
  get longestWaitMs(): number | undefined {
    return this.outputs.some(({ isOwnOutput }) => isOwnOutput) ? ownOutputWaitMs : undefined;
  }

  /** Not all of the target's own outputs came through: a stream of them is a part, which must not pass for the whole. */
  outputWasCut(): void {
    for (const output of this.outputs) output.wasCut();
  }

  /** Lets the bytes flow; before the target starts, so that it finds everything as it will be. */
  begin(): void {
    for (const output of this.outputs) output.begin();
    this.#feeding = Promise.all(this.#inputs.map((input) => input.run(this.#ended.signal)));
  }

  /**
   * The target has ended: takes what is left in its pipes and sees everything delivered.
   * @throws RunError StreamFailed
   */
  async finish(signal: AbortSignal): Promise<void> {
    this.#ended.abort();
    // Somebody besides the target may hold an input up; nobody needs it any more.
    for (const input of this.#inputs) input.close();
    await this.#feeding;
    const ends = await Promise.allSettled(
      this.outputs.map((output) => output.finish({ ...usualEnd, signal })),
    );
    signal.throwIfAborted();
    this.#failed.signal.throwIfAborted();
    const broken = ends.find(({ status }) => status === 'rejected');
    if (broken?.status === 'rejected') throw broken.reason;
  }

  /** Gives up what has not been finished, and lets go of everything. */
  async close(): Promise<void> {
    this.#ended.abort();
    for (const input of this.#inputs) input.close();
    await Promise.all(this.outputs.map((output) => output.close()));
  }

  async #openOutputs(context: RunContext, pipes: Pipes): Promise<void> {
    const onProgress = progressReporter(context);
    for (const step of context.steps.streams.outputs) {
      const { source } = step;
      const end = await openOutputSink(context, step, onProgress);
      const output = new OutputStream(context, step, end, this.#onFailure);
      this.outputs.push(output);
      if (typeof source === 'string') this[source] = output.writable();
      else output.readFrom(await pipes.open(source, FifoReader));
    }
  }

  async #openInputs(context: RunContext, pipes: Pipes, { girder, files }: StreamSources): Promise<void> {
    const { inputs } = context.steps.streams;
    const share = Math.floor(bufferBytes.all / Math.max(1, inputs.length));
    const own = Math.min(bufferBytes.most, Math.max(bufferBytes.least, share));
    for (const { name, pipe, fileId } of inputs) {
      const file = files.get(fileId);
      if (girder === undefined || file === undefined) throw new TypeError(`file ${fileId} is not known`);
      const writer = await pipes.open(pipe, FifoWriter);
      const input = { name, girder, file, writer, bufferBytes: own };
      this.#inputs.push(new InputStream(context, input, this.#onFailure));
    }
  }
}
