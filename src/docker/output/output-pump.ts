import type { Readable, Writable } from 'node:stream';
import { createDemux, type OutputPiece } from './demux.ts';
import { Sink } from './sink.ts';

/** How much of the beginning of stderr is kept: enough for the one line that docker-init may write. */
const headBytes = 512;

/**
 * The longest wait for a stalled sink before the next chunk (at most 64 KiB) is read. 2 s after a target's
 * exit the engine silently drops what it could not hand over yet (up to 96 KiB of a full pipe), so its pipe
 * must be empty by then.
 */
const longestHoldMs = 250;
/** What may pile up for sinks slower than those 256 KiB/s, in bytes; beyond that the target has to wait. */
const maxBacklogBytes = 64 * 1024 * 1024;

/**
 * Where the target's output goes; the pump never ends or destroys these streams. `both` receives all of it in
 * the order of its arrival; bytes that it loses do not make the output incomplete.
 */
export type OutputSinks = {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly both?: Writable | undefined;
  readonly filter?: OutputFilter | undefined;
};

/** Takes bytes out of stdout before any sink gets it; what it holds is bounded, and returned by `end`. */
export type OutputFilter = {
  readonly write: (chunk: Buffer) => Buffer;
  readonly end: () => Buffer;
};

/**
 * Moves the target's output from the engine to the sinks: in order, every byte, and no faster than the sinks
 * take it, because the engine's socket is read only when they do.
 */
export class OutputPump {
  readonly #source: Readable;
  readonly #sinks: { readonly stdout: Sink; readonly stderr: Sink };
  readonly #both: Sink | undefined;
  readonly #filter: OutputFilter | undefined;
  readonly #demux = createDemux();
  #head = Buffer.alloc(0);
  #isHeld = false;
  /** Bytes that the filter took out or holds: they move too. */
  #filtered = 0;

  /** Settles once, never rejects: true when the engine ended the stream and every byte of it was written. */
  readonly done: Promise<boolean>;

  constructor(source: Readable, sinks: OutputSinks) {
    this.#source = source;
    this.#sinks = { stdout: new Sink(sinks.stdout), stderr: new Sink(sinks.stderr) };
    this.#both = sinks.both && new Sink(sinks.both);
    this.#filter = sinks.filter;
    this.done = this.#run();
  }

  /** Bytes that the sinks have taken so far; a number that does not change means a stall. */
  get progress(): number {
    return this.#all.reduce((sum, { taken }) => sum + taken, this.#filtered);
  }

  /** True while so much has piled up that the engine has to wait; output is lost if the target exits now. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The first 512 bytes of stderr. */
  get stderrHead(): string {
    return this.#head.toString('utf8');
  }

  /** Discards the rest. */
  abort(): void {
    this.#source.destroy();
    for (const sink of this.#all) sink.abandon();
  }

  get #all(): readonly Sink[] {
    const { stdout, stderr } = this.#sinks;
    return this.#both === undefined ? [stdout, stderr] : [stdout, stderr, this.#both];
  }

  async #run(): Promise<boolean> {
    const { stdout, stderr } = this.#sinks;
    try {
      for await (const chunk of this.#source) {
        for (const piece of this.#demux.push(chunk as Buffer)) this.#deliver(piece);
        await this.#keepPace();
      }
      this.#endFilter();
      for (const sink of this.#all) await sink.flushed();
      return this.#demux.isAtBoundary() && !stdout.isBroken && !stderr.isBroken;
    } catch {
      this.#endFilter();
      // Whatever broke the stream, only the exit of the container decides how the target ended.
      return false;
    } finally {
      this.#source.destroy();
      for (const sink of this.#all) sink.release();
    }
  }

  #deliver(piece: OutputPiece): void {
    if (piece.stream === 'stderr' && this.#head.length < headBytes) {
      this.#head = Buffer.concat([this.#head, piece.data.subarray(0, headBytes - this.#head.length)]);
    }
    const isFiltered = this.#filter !== undefined && piece.stream === 'stdout';
    const data = isFiltered ? this.#filter.write(piece.data) : piece.data;
    if (isFiltered) this.#filtered += Math.max(0, piece.data.length - data.length);
    this.#write(piece.stream, data);
  }

  #endFilter(): void {
    if (this.#filter !== undefined) this.#write('stdout', this.#filter.end());
  }

  #write(stream: OutputPiece['stream'], data: Buffer): void {
    if (data.length === 0) return;
    this.#sinks[stream].write(data);
    this.#both?.write(data);
  }

  async #keepPace(): Promise<void> {
    const until = performance.now() + longestHoldMs;
    for (const sink of this.#all) await sink.ready(until - performance.now());
    const heaviest = () => this.#all.reduce((most, sink) => (sink.weight > most.weight ? sink : most));
    while (this.#all.reduce((sum, { weight }) => sum + weight, 0) > maxBacklogBytes) {
      this.#isHeld = true;
      await heaviest().ready(longestHoldMs);
    }
    this.#isHeld = false;
  }
}
