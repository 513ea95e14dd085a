import { Writable } from 'node:stream';
import type { FifoEnd, FifoReader } from '../io/fifo-reader.ts';
import { describe, RunError } from '../support/errors.ts';
import type { LiveReport } from './live-report.ts';
import type { OutputEnd, Spool } from './output-end.ts';
import type { OutputStep } from './stream-steps.ts';

/** A stream of the target to its end, from a pipe or from one of its outputs. */
export class OutputStream {
  readonly name: string;
  /** Set when the stream becomes a file of Girder. */
  readonly spool: Spool | undefined;
  readonly #end: OutputEnd;
  readonly #reader: FifoReader | undefined;
  readonly #report: LiveReport;
  readonly #fail: (error: RunError) => void;
  #bytes = 0;
  #failure: RunError | undefined;

  constructor(
    step: OutputStep,
    ends: { end: OutputEnd; spool?: Spool; reader: FifoReader | undefined },
    support: { report: LiveReport; fail: (error: RunError) => void },
  ) {
    this.name = step.name;
    this.spool = ends.spool;
    this.#end = ends.end;
    this.#reader = ends.reader;
    this.#report = support.report;
    this.#fail = support.fail;
  }

  /** Takes from the pipe on; before the target starts, so that no byte waits for us. */
  begin(): void {
    this.#reader?.pump({ write: (chunk) => this.#write(chunk) }, (error) => this.#broken(error));
  }

  /** For an output of the target in place of a pipe; what comes after a failure is dropped. */
  writable(): Writable {
    return new Writable({
      highWaterMark: 64 * 1024,
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#failure !== undefined) return done();
        Promise.resolve()
          .then(() => this.#write(chunk))
          .catch((error: unknown) => this.#broken(error))
          .finally(() => done());
      },
    });
  }

  /**
   * The target has ended: takes what is left and sees it delivered.
   * @throws RunError StreamFailed
   */
  async finish(end: FifoEnd): Promise<void> {
    const result = await this.#reader?.finish(end);
    if (this.#failure !== undefined) throw this.#failure;
    if (result?.failure !== undefined) throw this.#broken(result.failure);
    try {
      await this.#end.finish();
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /** Gives the rest up at once. */
  async close(): Promise<void> {
    this.#reader?.close();
    this.#end.abort();
    await this.spool?.handle.close();
  }

  #write(chunk: Buffer): Promise<void> | undefined {
    this.#bytes += chunk.length;
    this.#report.transferred('upload', this.name, this.#bytes, undefined);
    return this.#end.sink.write(chunk);
  }

  #broken(error: unknown): RunError {
    if (this.#failure !== undefined) return this.#failure;
    const text = `the stream ${this.name} cannot be delivered: ${describe(error)}`;
    this.#failure = new RunError('StreamFailed', text, { cause: error });
    this.#fail(this.#failure);
    return this.#failure;
  }
}
