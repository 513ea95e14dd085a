import type { Writable } from 'node:stream';
import type { GirderFile } from '../../girder/documents.ts';
import type { GirderClient } from '../../girder/client.ts';
import { type FifoEnd, FifoReader } from '../../io/fifo-reader.ts';
import { FifoWriter } from '../../io/fifo-writer.ts';
import type { RunError } from '../../support/errors.ts';
import { InputStream } from './input-stream.ts';
import type { LiveReport } from '../live-report.ts';
import { type EndContext, openEnd } from './output-end.ts';
import { OutputStream } from './output-stream.ts';
import type { Pipes } from './pipes.ts';
import type { StreamSteps } from '../steps.ts';

/** Everything that the streams of a run need. */
export type StreamContext = EndContext & {
  readonly girder: GirderClient | undefined;
  readonly report: LiveReport;
  /** The documents of the input streams' files, by id. */
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
  readonly #ended = new AbortController();
  #feeding: Promise<unknown> = Promise.resolve();

  private constructor({ openLog }: StreamContext) {
    this.stdout = openLog('stdout');
    this.stderr = openLog('stderr');
  }

  /** Opens our ends of all pipes, which are made already, so that the target finds a reader wherever it writes. */
  static async open(steps: StreamSteps, pipes: Pipes, context: StreamContext): Promise<Streams> {
    const streams = new Streams(context);
    try {
      await streams.#openOutputs(steps, pipes, context);
      await streams.#openInputs(steps, pipes, context);
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

  async #openOutputs({ outputs }: StreamSteps, pipes: Pipes, context: StreamContext): Promise<void> {
    const support = { report: context.report, fail: (error: RunError) => this.#failed.abort(error) };
    for (const step of outputs) {
      const { source } = step;
      const output = new OutputStream(step, await openEnd(step, context), support);
      this.outputs.push(output);
      if (typeof source === 'string') this[source] = output.writable();
      else output.readFrom(await pipes.open(source, FifoReader));
    }
  }

  async #openInputs({ inputs }: StreamSteps, pipes: Pipes, context: StreamContext): Promise<void> {
    const { girder, report, files } = context;
    const share = Math.floor(bufferBytes.all / Math.max(1, inputs.length));
    const support = {
      report,
      fail: (error: RunError) => this.#failed.abort(error),
      bufferBytes: Math.min(bufferBytes.most, Math.max(bufferBytes.least, share)),
    };
    for (const { name, pipe, fileId } of inputs) {
      const file = files.get(fileId);
      if (girder === undefined || file === undefined) throw new TypeError(`file ${fileId} is not known`);
      const writer = await pipes.open(pipe, FifoWriter);
      this.#inputs.push(new InputStream({ name, file, writer }, { ...support, girder }));
    }
  }
}
