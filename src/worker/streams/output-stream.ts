import { once } from 'node:events';
import { Writable } from 'node:stream';
import type { FifoEnd, FifoReader } from '../../io/fifo-reader.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { OutputStep } from '../plan.ts';
import type { OpenedEnd, OutputSink, Spool } from './output-sink.ts';

/** A stream of the target to its end, from a pipe or from one of its own outputs. */
export class OutputStream {
  readonly name: string;
  /** Whether it is the target's standard output or standard error. */
  readonly isOwnOutput: boolean;
  /** Set when the stream becomes a file of Girder. */
  readonly spool: Spool | undefined;
  readonly #context: RunContext;
  readonly #sink: OutputSink;
  readonly #onFailure: (failure: RunError) => void;
  #reader: FifoReader | undefined;
  #writable: Writable | undefined;
  #bytes = 0;
  #writing = 0;
  #failure: RunError | undefined;

  constructor(
    context: RunContext,
    step: OutputStep,
    { end, spool }: OpenedEnd,
    onFailure: (failure: RunError) => void,
  ) {
    this.name = step.name;
    this.isOwnOutput = typeof step.source === 'string';
    this.spool = spool;
    this.#context = context;
    this.#sink = end;
    this.#onFailure = onFailure;
  }

  /** The stream comes from this pipe, which is the stream's to close from now on. */
  readFrom(reader: FifoReader): void {
    this.#reader = reader;
  }

  /** The stream is what is written to this; what comes after a failure is dropped. */
  writable(): Writable {
    this.#writable = new Writable({
      highWaterMark: 64 * 1024,
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#failure !== undefined) return done();
        Promise.resolve()
          .then(() => this.#write(chunk))
          .catch((error: unknown) => this.#broken(error))
          .finally(() => done());
      },
    });
    return this.#writable;
  }

  /** Takes from the pipe on; before the target starts, so that no byte waits for us. */
  begin(): void {
    this.#reader?.pump({ write: (chunk) => this.#write(chunk) }, (error) => this.#broken(error));
  }

  /** Not every byte of the target's own outputs came here. */
  wasCut(): void {
    if (!this.isOwnOutput || !this.#sink.atomic) return;
    this.#broken(new Error('not every byte that the target wrote could be had'));
  }

  /**
   * The target has ended: takes what is left and sees it delivered.
   * @throws RunError StreamFailed
   */
  async finish(end: FifoEnd): Promise<void> {
    this.#sink.targetEnded?.();
    await this.#drain(end);
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#sink.finish();
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /** Gives the rest up at once. */
  async close(): Promise<void> {
    this.#reader?.close();
    this.#sink.abort();
    await this.spool?.handle.close();
  }

  /** Until everything that came is written; the end of the stream has its own bounds for that. */
  async #drain(end: FifoEnd): Promise<void> {
    if (this.#writable !== undefined && !this.#writable.destroyed) {
      this.#writable.end();
      await once(this.#writable, 'finish', { signal: end.signal });
    }
    const result = await this.#reader?.finish(end);
    if (result?.failure !== undefined) this.#broken(result.failure);
    // Somebody besides the target may hold the pipe open; but what was read must be written.
    const isCut = this.#writing > 0 && this.#sink.atomic;
    if (result?.isComplete === false && isCut) this.#broken(new Error('it stands still'));
  }

  #write(chunk: Buffer): Promise<void> | undefined {
    this.#bytes += chunk.length;
    this.#context.report.transferred('upload', this.name, this.#bytes, undefined);
    const wait = this.#sink.sink.write(chunk);
    if (wait === undefined) return undefined;
    this.#writing += 1;
    return wait.finally(() => (this.#writing -= 1));
  }

  #broken(error: unknown): RunError {
    if (this.#failure !== undefined) return this.#failure;
    const text = `the stream ${this.name} cannot be delivered: ${describe(error)}`;
    this.#failure = error instanceof RunError ? error : new RunError('StreamFailed', text, { cause: error });
    this.#sink.abort();
    this.#onFailure(this.#failure);
    return this.#failure;
  }
}
