import { closeSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import type { ByteSink } from './byte-sink.ts';
import { type Fifo, FifoError, openFifo, reopenFifo } from './fifo.ts';

const defaultBufferBytes = 64 * 1024;

/** `bufferBytes` is the most that one read, and so one write to the sink, has. */
type FifoReaderOptions = { readonly bufferBytes?: number | undefined };

/** How long to wait for the end of a pipe: without a byte, and in all, in milliseconds; `signal` ends it at once. */
export type FifoEnd = {
  readonly idleMs: number;
  readonly totalMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * What became of a pipe: the bytes that the sink took, and whether these are all bytes that were ever written (the
 * real end of the pipe was seen and nothing was dropped). `failure` is the sink's.
 */
type FifoResult = {
  readonly bytes: number;
  readonly isComplete: boolean;
  readonly failure?: Error;
};

/**
 * The reading end of a named pipe that the target writes to. Open it before the target starts: then the target may
 * open, close and open the pipe again as often as it likes, with several writers too, and all of it is one stream
 * that ends only with {@link finish}. No thread ever waits for the pipe.
 */
export class FifoReader {
  readonly #path: string;
  readonly #bufferBytes: number;
  readonly #over = Promise.withResolvers<void>();
  /** The reading end until a socket takes it over. */
  #descriptor: number | undefined;
  /** A writing end of our own: as long as it is open there is no end of the stream, whoever comes and goes. */
  #holder: number | undefined;
  #socket: Socket | undefined;
  #quiet: QuietTime | undefined;
  #bytes = 0;
  #sawEnd = false;
  #isWaiting = false;
  #failure: Error | undefined;

  private constructor(path: string, descriptor: number, bufferBytes: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#holder = reopenFifo(descriptor, constants.O_WRONLY | constants.O_NONBLOCK);
    this.#bufferBytes = bufferBytes;
  }

  static async open(root: string, fifo: Fifo, options: FifoReaderOptions = {}): Promise<FifoReader> {
    const descriptor = await openFifo(root, fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return new FifoReader(fifo.path, descriptor, options.bufferBytes ?? defaultBufferBytes);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** The bytes that the sink has taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Hands every read on as one write; while the sink's promise is pending nothing is read, and a writer with a full
   * pipe waits. After an error of the sink, which `onSinkError` hears at once, the pipe goes on being emptied and
   * what it gives is dropped, so that the target never waits for somebody who is not there.
   */
  pump(sink: Pick<ByteSink, 'write'>, onSinkError?: (error: Error) => void): void {
    const fd = this.#descriptor;
    if (fd === undefined) throw new FifoError(`the named pipe ${this.#path} is closed or pumped already`);
    this.#descriptor = undefined;
    const onRead = (size: number, buffer: Uint8Array) =>
      this.#take(sink, Buffer.from(buffer.buffer, buffer.byteOffset, size), onSinkError);
    const onread = { buffer: Buffer.allocUnsafeSlow(this.#bufferBytes), callback: onRead };
    const socket = new Socket({ fd, readable: true, writable: false, onread });
    this.#socket = socket;
    socket.on('error', (error) => (this.#failure ??= error));
    socket.once('end', () => (this.#sawEnd = true));
    socket.once('close', () => this.close());
    socket.resume();
  }

  /**
   * To be called when the target has ended: reads what is left, up to the real end. Where somebody else keeps the
   * pipe open, it ends when no byte came for a while, when its time is over, or when the signal aborts; only then is
   * the result not complete. The reader is closed afterwards.
   */
  async finish({ idleMs, totalMs, signal }: FifoEnd): Promise<FifoResult> {
    const onAbort = () => this.close();
    if (this.#socket === undefined || signal?.aborted === true) this.close();
    this.#letGo();
    signal?.addEventListener('abort', onAbort, { once: true });
    const total = setTimeout(onAbort, totalMs);
    this.#quiet = new QuietTime(idleMs, onAbort);
    if (this.#isWaiting) this.#quiet.pause();
    try {
      await this.#over.promise;
    } finally {
      clearTimeout(total);
      this.#quiet.pause();
      this.#quiet = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#result();
  }

  /** Frees everything at once, in whatever state; a target that writes from then on gets a broken pipe. */
  close(): void {
    this.#letGo();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#socket?.destroy();
    this.#over.resolve();
  }

  #result(): FifoResult {
    const isComplete = this.#sawEnd && this.#failure === undefined;
    const result = { bytes: this.#bytes, isComplete };
    return this.#failure === undefined ? result : { ...result, failure: this.#failure };
  }

  /** Gives false when nothing more may be read until the sink is ready. */
  #take(sink: Pick<ByteSink, 'write'>, chunk: Buffer, onSinkError?: (error: Error) => void): boolean {
    this.#quiet?.interrupt();
    if (this.#failure !== undefined) return true;
    const size = chunk.length;
    try {
      const wait = sink.write(chunk);
      if (wait !== undefined) {
        void this.#settle(wait, size, onSinkError);
        return false;
      }
      this.#bytes += size;
    } catch (error) {
      this.#fail(error, onSinkError);
    }
    return true;
  }

  async #settle(wait: Promise<void>, size: number, onSinkError?: (error: Error) => void): Promise<void> {
    this.#isWaiting = true;
    this.#quiet?.pause();
    try {
      await wait;
      this.#bytes += size;
    } catch (error) {
      this.#fail(error, onSinkError);
    }
    this.#isWaiting = false;
    this.#quiet?.interrupt();
    if (this.#socket?.destroyed === false) this.#socket.resume();
  }

  #fail(error: unknown, onSinkError?: (error: Error) => void): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    onSinkError?.(this.#failure);
  }

  #letGo(): void {
    if (this.#holder !== undefined) closeSync(this.#holder);
    this.#holder = undefined;
  }
}

export class QuietTime {
  readonly #milliseconds: number;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;

  constructor(milliseconds: number, onOver: () => void) {
    this.#milliseconds = milliseconds;
    this.#onOver = onOver;
    this.interrupt();
  }

  /** Something happened: the time starts anew. */
  interrupt(): void {
    clearImmediate(this.#lastLook);
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#end(), this.#milliseconds);
  }

  /** Until the next interruption the time stands still; a time that is paused for good needs no other end. */
  pause(): void {
    clearImmediate(this.#lastLook);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  // Timers run before the loop looks for input, immediates after it; two turns, since reading may be resumed in one.
  #end(): void {
    this.#lastLook = setImmediate(() => {
      this.#lastLook = setImmediate(this.#onOver);
    });
  }
}
