import type { Writable } from 'node:stream';
import type { GirderFile } from '../../girder/documents.ts';
import type { GirderClient } from '../../girder/client.ts';
import { type FifoEnd, FifoReader } from '../../io/fifo-reader.ts';
import { FifoWriter } from '../../io/fifo-writer.ts';
import type { RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import { InputStream } from './input-stream.ts';
import { LogSpool, openLog, openOutputSink } from './output-sink.ts';
import { OutputStream } from './output-stream.ts';
import type { Pipes } from './pipes.ts';
import { progressReporter } from './progress-lines.ts';
import { SlicerTags } from './slicer-tags.ts';

/** For the input streams; `files` are the documents of their files by id. */
export type StreamSources = {
  readonly girder: GirderClient | undefined;
  readonly files: ReadonlyMap<string, GirderFile>;
};

/** In bytes: the buffers of all input streams together, and the upper and lower bound for one of them. */
const bufferBytes = { all: 8 * 1024 * 1024, most: 512 * 1024, least: 64 * 1024 } as const;

/** Longer than any sink may take for its bytes, so that the sink's own limit decides. */
const ownOutputWaitMs = 180_000;

/** A pipe is read until no process has it open; these bounds apply if another process than the target has. */
const usualEnd = { idleMs: 5_000, totalMs: 600_000 } as const satisfies FifoEnd;

/**
 * The streams of one attempt, from before the target starts until after it has ended. Bytes that cannot be
 * read or delivered fail the run; nothing else that the target does to a pipe can fail it or delay its end.
 */
export class Streams {
  /** The sinks of the target's stdout and stderr: the log, unless a stream takes them. */
  stdout: Writable;
  stderr: Writable;
  readonly outputs: OutputStream[] = [];
  /** Set if the target's output becomes the run's log in Girder. */
  log: LogSpool | undefined;
  /** Set if the target's stdout has tags that become progress. */
  filter: SlicerTags | undefined;
  readonly #inputs: InputStream[] = [];
  readonly #failed = new AbortController();
  readonly #onFailure = (failure: RunError): void => this.#failed.abort(failure);
  readonly #ended = new AbortController();
  #feeding: Promise<unknown> = Promise.resolve();

  private constructor(context: RunContext) {
    this.stdout = openLog(context, 'stdout');
    this.stderr = openLog(context, 'stderr');
  }

  /** Opens our ends of all pipes, which must exist, so that the target finds a reader wherever it writes. */
  static async open(context: RunContext, pipes: Pipes, sources: StreamSources): Promise<Streams> {
    const streams = new Streams(context);
    const { spec, spoolDirectory, item } = context.environment;
    try {
      if (item?.keepsLog ?? spec.girder?.log !== undefined) streams.log = await LogSpool.open(spoolDirectory);
      await streams.#openOutputs(context, pipes);
      await streams.#openInputs(context, pipes, sources);
      return streams;
    } catch (error) {
      await streams.close();
      throw error;
    }
  }

  /** Aborts with the first failure; the target must then be stopped. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** How long the target's stdout and stderr may stall at its end, in ms; undefined for the default. */
  get longestWaitMs(): number | undefined {
    return this.outputs.some(({ isOwnOutput }) => isOwnOutput) ? ownOutputWaitMs : undefined;
  }

  /** Bytes of the target's stdout or stderr were lost: a stream of them must not pass for the whole. */
  outputWasCut(): void {
    for (const output of this.outputs) output.wasCut();
  }

  /** Starts all streams. Called before the target starts. */
  begin(): void {
    for (const output of this.outputs) output.begin();
    this.#feeding = Promise.all(this.#inputs.map((input) => input.run(this.#ended.signal)));
  }

  /**
   * Called after the target has ended: reads the rest of its pipes and waits until all is delivered.
   * @throws RunError StreamFailed
   */
  async finish(signal: AbortSignal): Promise<void> {
    this.#ended.abort();
    // Another process than the target may still read an input slowly; it is no longer needed.
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

  /** Drops what is not finished, and closes everything. */
  async close(): Promise<void> {
    this.#ended.abort();
    for (const input of this.#inputs) input.close();
    await Promise.all(
      [...this.outputs, ...(this.log === undefined ? [] : [this.log])].map((one) => one.close()),
    );
  }

  async #openOutputs(context: RunContext, pipes: Pipes): Promise<void> {
    const onProgress = progressReporter(context);
    if (context.steps.streams.readsSlicerTags === true) this.filter = new SlicerTags(onProgress);
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
