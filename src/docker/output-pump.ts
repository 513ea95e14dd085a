import type { Readable, Writable } from 'node:stream';
import { createDemux, type OutputPiece } from './demux.ts';
import { Sink } from './sink.ts';

/** How much of stderr's beginning is kept, in bytes: enough for the one line docker-init may say. */
const headBytes = 512;

/** Where the target's output goes. The pump never ends or destroys them. */
export type OutputSinks = { readonly stdout: Writable; readonly stderr: Writable };

/**
 * Moves the target's output from the engine to the sinks: in order, every byte, and no faster than the sinks take
 * it, since the engine's socket is only read on when they do.
 */
export class OutputPump {
  readonly #source: Readable;
  readonly #sinks: { readonly stdout: Sink; readonly stderr: Sink };
  readonly #demux = createDemux();
  #head = Buffer.alloc(0);
  #progress = 0;

  /** Settles once, never rejects: true when the engine ended the stream and every byte of it was written. */
  readonly done: Promise<boolean>;

  constructor(source: Readable, sinks: OutputSinks) {
    this.#source = source;
    this.#sinks = { stdout: new Sink(sinks.stdout), stderr: new Sink(sinks.stderr) };
    this.done = this.#run();
  }

  /** Grows whenever bytes were taken over by a sink; a number that stands still means a stall. */
  get progress(): number {
    return this.#progress;
  }

  /** The beginning of stderr. */
  get stderrHead(): string {
    return this.#head.toString('utf8');
  }

  /** Gives the rest up. */
  abort(): void {
    this.#source.destroy();
    this.#sinks.stdout.abandon();
    this.#sinks.stderr.abandon();
  }

  async #run(): Promise<boolean> {
    const { stdout, stderr } = this.#sinks;
    try {
      for await (const chunk of this.#source) {
        for (const piece of this.#demux.push(chunk as Buffer)) await this.#deliver(piece);
      }
      await stdout.flushed();
      await stderr.flushed();
      return this.#demux.isAtBoundary() && !stdout.isBroken && !stderr.isBroken;
    } catch {
      // Whatever broke the stream, only the container's own end says what became of the target.
      return false;
    } finally {
      this.#source.destroy();
      stdout.release();
      stderr.release();
    }
  }

  async #deliver(piece: OutputPiece): Promise<void> {
    if (piece.stream === 'stderr' && this.#head.length < headBytes) {
      this.#head = Buffer.concat([this.#head, piece.data.subarray(0, headBytes - this.#head.length)]);
    }
    const sink = this.#sinks[piece.stream];
    if (!sink.write(piece.data)) await sink.ready();
    this.#progress += piece.data.length;
  }
}
