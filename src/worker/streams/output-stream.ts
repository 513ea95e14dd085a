import { once } from 'node:events';
import { Writable } from 'node:stream';
import type { FifoEnd, FifoReader } from '../../io/fifo-reader.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { OutputStep } from '../plan.ts';
import type { OpenedEnd, OutputSink, Spool } from './output-sink.ts';

/** Passes a stream of the target, from a pipe or from its stdout or stderr, to a sink. */
export class OutputStream {
  readonly name: string;
  /** Whether it is the target's stdout or stderr. */
  readonly isOwnOutput: boolean;
  /** Set if the stream becomes a file of Girder. */
  readonly spool: Spool | undefined;
  /** Whether it is neither the log nor the progress. */
  readonly #hasData: boolean;
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
    this.#hasData = step.to.kind === 'post' || step.to.kind === 'item';
    this.spool = spool;
    this.#context = context;
    this.#sink = end;
    this.#onFailure = onFailure;
  }

  /** Reads from this pipe, and closes it at the end. */
  readFrom(reader: FifoReader): void {
    this.#reader = reader;
  }

  /** Takes what is written to the returned stream; drops what is written after a failure. */
  writable(): Writable {
    this.#writable = new Writable({
      highWaterMark: 64 * 1024,
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#failure !== undefined) return done();
        Promise.resolve()
          .then(() => this.#write(chunk))
          .catch((error: unknown) => this.#fail(error))
          .finally(() => done());
      },
    });
    return this.#writable;
  }

  /** Starts to read the pipe. Called before the target starts, so that no byte waits for us. */
  begin(): void {
    this.#reader?.pump({ write: (chunk) => this.#write(chunk) }, (error) => this.#fail(error));
  }

  /** Reports that bytes of the target's stdout or stderr were lost; fails a stream that must be complete. */
  wasCut(): void {
    if (!this.isOwnOutput || !this.#sink.atomic) return;
    this.#fail(new Error('some output of the target was lost'));
  }

  /**
   * Called after the target has ended: reads the rest and waits until it is delivered.
   * @throws RunError StreamFailed
   */
  async finish(end: FifoEnd): Promise<void> {
    this.#sink.targetEnded?.();
    await this.#drain(end);
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#sink.finish();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Drops the rest at once. */
  async close(): Promise<void> {
    this.#reader?.close();
    this.#sink.abort();
    await this.spool?.handle.close();
  }

  /** Waits, within the bounds of `end`, until everything that was read is written. */
  async #drain(end: FifoEnd): Promise<void> {
    if (this.#writable !== undefined && !this.#writable.destroyed) {
      this.#writable.end();
      await once(this.#writable, 'finish', { signal: end.signal });
    }
    const result = await this.#reader?.finish(end);
    if (result?.failure !== undefined) this.#fail(result.failure);
    // Another process may hold the pipe open, which is fine; but what was read must be written.
    const isCut = this.#writing > 0 && this.#sink.atomic;
    if (result?.isComplete === false && isCut) this.#fail(new Error('its receiver takes no more bytes'));
  }

  #write(chunk: Buffer): Promise<void> | undefined {
    this.#bytes += chunk.length;
    const { report } = this.#context;
    if (this.#hasData) report.streamed('upload', this.name, this.#bytes);
    else report.transferred('upload', this.name, this.#bytes);
    const wait = this.#sink.sink.write(chunk);
    if (wait === undefined) return undefined;
    this.#writing += 1;
    return wait.finally(() => (this.#writing -= 1));
  }

  #fail(error: unknown): RunError {
    if (this.#failure !== undefined) return this.#failure;
    const text = `cannot deliver the stream ${this.name}: ${describe(error)}`;
    this.#failure = error instanceof RunError ? error : new RunError('StreamFailed', text, { cause: error });
    this.#sink.abort();
    this.#onFailure(this.#failure);
    return this.#failure;
  }
}
