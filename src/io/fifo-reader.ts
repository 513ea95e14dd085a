import { closeSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import type { ByteSink } from './byte-sink.ts';
import { type Fifo, FifoError, openFifo, reopenFifo } from './fifo.ts';

const defaultBufferBytes = 64 * 1024;

/** `bufferBytes` bounds one read, and so one write to the sink. */
type FifoReaderOptions = { readonly bufferBytes?: number | undefined };

/** How long to wait for the end of a pipe: without a byte, and in all. An abort of `signal` ends the wait. */
export type FifoEnd = {
  readonly idleMs: number;
  readonly totalMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * `bytes` is what the sink took. `isComplete` means that this is all that was ever written: the real end of
 * the pipe was seen and no byte was dropped. `failure` is the sink's.
 */
type FifoResult = {
  readonly bytes: number;
  readonly isComplete: boolean;
  readonly failure?: Error;
};

/**
 * The reading end of a named pipe that the target writes to. If it is open before the target starts, the
 * target may open and close the pipe any number of times, even with several writers: everything is one
 * stream, which only {@link finish} ends. No thread ever waits for the pipe.
 */
export class FifoReader {
  readonly #path: string;
  readonly #bufferBytes: number;
  readonly #closed = Promise.withResolvers<void>();
  /** The reading end until a socket takes it over. */
  #descriptor: number | undefined;
  /** A writing end of our own: while it is open, the stream has no end, whichever writers close theirs. */
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
   * Turns each read into one write. While the sink's promise is pending nothing is read, and a writer waits
   * once the pipe is full. After an error of the sink, which `onSinkError` receives at once, the pipe is
   * still read and the bytes are dropped, so that the target does not wait for ever.
   */
  pump(sink: Pick<ByteSink, 'write'>, onSinkError?: (error: Error) => void): void {
    const fd = this.#descriptor;
    if (fd === undefined) throw new FifoError(`the named pipe ${this.#path} is already closed or being read`);
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
   * Call this when the target has ended: it reads the rest, up to the real end, and closes the reader. If
   * another process keeps the pipe open, it stops after `idleMs` without a byte, after `totalMs`, or when the
   * signal aborts; only then is the result incomplete.
   */
  async finish({ idleMs, totalMs, signal }: FifoEnd): Promise<FifoResult> {
    const onAbort = () => this.close();
    if (this.#socket === undefined || signal?.aborted === true) this.close();
    this.#closeHolder();
    signal?.addEventListener('abort', onAbort, { once: true });
    const total = setTimeout(onAbort, totalMs);
    this.#quiet = new QuietTime(idleMs, onAbort);
    if (this.#isWaiting) this.#quiet.pause();
    try {
      await this.#closed.promise;
    } finally {
      clearTimeout(total);
      this.#quiet.pause();
      this.#quiet = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#result();
  }

  /** Releases everything at once, in any state; a target that writes later gets a broken pipe. */
  close(): void {
    this.#closeHolder();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#socket?.destroy();
    this.#closed.resolve();
  }

  #result(): FifoResult {
    const isComplete = this.#sawEnd && this.#failure === undefined;
    const result = { bytes: this.#bytes, isComplete };
    return this.#failure === undefined ? result : { ...result, failure: this.#failure };
  }

  /** Returns false when reading must pause until the sink is ready. */
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

  #closeHolder(): void {
    if (this.#holder !== undefined) closeSync(this.#holder);
    this.#holder = undefined;
  }
}

/** Calls `onOver` once after `milliseconds` without an interruption. */
export class QuietTime {
  readonly #milliseconds: number;
  readonly #onOver: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastCheck: NodeJS.Immediate | undefined;

  constructor(milliseconds: number, onOver: () => void) {
    this.#milliseconds = milliseconds;
    this.#onOver = onOver;
    this.interrupt();
  }

  /** Starts the time again. */
  interrupt(): void {
    clearImmediate(this.#lastCheck);
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#end(), this.#milliseconds);
  }

  /** Stops the time until the next interruption; a time that is never resumed needs no other cleanup. */
  pause(): void {
    clearImmediate(this.#lastCheck);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  // Timers run before the event loop polls for input, immediates after it. Two turns, because the first may
  // only resume the reading.
  #end(): void {
    this.#lastCheck = setImmediate(() => {
      this.#lastCheck = setImmediate(this.#onOver);
    });
  }
}
