import { closeSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import { sleep } from '../support/abort.ts';
import { asError, describe, errorCode } from '../support/errors.ts';
import type { ByteSink } from './byte-sink.ts';
import { O_PATH } from './confined.ts';
import { type Fifo, FifoError, openFifo, reopenFifo } from './fifo.ts';

const firstPollMs = 10;
const longestPollMs = 100;
const dismissPollMs = 50;

/** The target closed its input before the end: it had enough, which is its right and never a failure. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** Bytes went into the pipe already and cannot be taken back. */
export class CannotRestart extends Error {
  override readonly name = 'CannotRestart';
}

/**
 * The writing end of a named pipe that the target reads. The pipe holds one stream, for the first that opens it: what
 * a reader took is gone; one that comes while another one reads, or before its leaving was noticed by a write, goes on
 * with the rest; one that comes later finds the end at once as long as {@link dismiss} runs. As long as neither {@link end} nor {@link close} is called
 * the reader sees no end: when the source fails, stop the target first, so that it never takes a part for the whole.
 * No thread ever waits for the pipe.
 */
export class FifoWriter implements ByteSink {
  readonly #path: string;
  readonly #closing = new AbortController();
  /** The place of the pipe, which nobody can replace. */
  #place: number | undefined;
  #socket: Socket | undefined;
  #inFlight: Promise<void> | undefined;
  #bytes = 0;
  #hasBegun = false;
  /** Why nothing can be written any more. */
  #over: Error | undefined;

  private constructor(path: string, place: number) {
    this.#path = path;
    this.#place = place;
  }

  static async open(root: string, fifo: Fifo): Promise<FifoWriter> {
    return new FifoWriter(fifo.path, await openFifo(root, fifo, O_PATH));
  }

  /** The bytes of all chunks that went into the pipe as a whole. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when somebody has the pipe open for reading; rejects when the signal aborts or the writer is closed. */
  async opened(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    for (let wait = firstPollMs; this.#socket === undefined; wait = Math.min(2 * wait, longestPollMs)) {
      either.throwIfAborted();
      if (this.#over !== undefined) throw this.#over;
      const fd = this.#tryOpen();
      if (fd === undefined) await sleep(wait, either);
      else this.#socket = new Socket({ fd, readable: false, writable: true }).on('error', () => undefined);
    }
  }

  /**
   * Resolves when the kernel has all of the chunk, however slow the reader is; rejects with {@link ReaderGone} when
   * nobody reads any more. {@link close} makes a write that waits reject.
   */
  write(chunk: Buffer): Promise<void> | undefined {
    if (chunk.length === 0) return undefined;
    this.#inFlight = this.#send(chunk);
    return this.#inFlight;
  }

  /** Nothing to do as long as no byte is in the pipe; throws {@link CannotRestart} otherwise. */
  async restart(): Promise<void> {
    if (!this.#hasBegun) return;
    throw new CannotRestart(
      `bytes went into the named pipe ${this.#path} already, so that it cannot begin anew`,
    );
  }

  /** The reader sees the end after the last byte. Waits for a write that is under way. */
  async end(): Promise<void> {
    await this.#inFlight?.catch(() => undefined);
    this.#hangUp(new FifoError(`the named pipe ${this.#path} has come to its end`));
  }

  /**
   * After {@link end} or {@link ReaderGone}: whoever opens the pipe from now on finds its end at once. Resolves when
   * the signal aborts or the writer is closed.
   */
  async dismiss(signal: AbortSignal): Promise<void> {
    if (this.#over === undefined) throw new FifoError(`the named pipe ${this.#path} has not come to its end`);
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (!either.aborted) {
      this.#showEnd();
      await sleep(dismissPollMs, either).catch(() => undefined);
    }
  }

  /** Frees everything at once, in whatever state; the reader sees an end, even in the middle of the stream. */
  close(): void {
    const closed = new FifoError(`the named pipe ${this.#path} was closed`);
    this.#closing.abort(closed);
    this.#hangUp(closed);
    if (this.#place !== undefined) closeSync(this.#place);
    this.#place = undefined;
  }

  async #send(chunk: Buffer): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    if (this.#socket === undefined) throw new FifoError(`nobody has opened the named pipe ${this.#path} yet`);
    this.#hasBegun = true;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A destroyed socket reports success for what it dropped, so the closing must be heard first.
    const onClose = () => reject(asError(this.#closing.signal.reason));
    this.#closing.signal.addEventListener('abort', onClose, { once: true });
    this.#socket.write(chunk, (error) => (error == null ? resolve() : reject(this.#fail(error))));
    try {
      await promise;
      this.#bytes += chunk.length;
    } finally {
      this.#closing.signal.removeEventListener('abort', onClose);
    }
  }

  #fail(error: Error): Error {
    const reason =
      errorCode(error) === 'EPIPE'
        ? new ReaderGone(`nobody reads from the named pipe ${this.#path} any more`, { cause: error })
        : new FifoError(`the named pipe ${this.#path} broke: ${describe(error)}`, { cause: error });
    this.#hangUp(reason);
    return this.#over ?? reason;
  }

  #hangUp(reason: Error): void {
    this.#over ??= reason;
    this.#socket?.destroy();
  }

  /** Gives nothing when nobody has the pipe open for reading. */
  #tryOpen(): number | undefined {
    if (this.#place === undefined) return undefined;
    try {
      return reopenFifo(this.#place, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (errorCode(error) === 'ENXIO') return undefined;
      throw new FifoError(`the named pipe ${this.#path} cannot be opened: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  /** A reader that waits in its open wakes up when a writing end comes, even if that leaves again at once. */
  #showEnd(): void {
    try {
      const fd = this.#tryOpen();
      if (fd !== undefined) closeSync(fd);
    } catch {
      // A pipe that the target made inaccessible to us is its own affair by now.
    }
  }
}
