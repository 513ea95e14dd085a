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

/** The target closed its input before the end because it needed no more; this is not a failure. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** Bytes are already in the pipe and cannot be taken back. */
export class CannotRestart extends Error {
  override readonly name = 'CannotRestart';
}

/**
 * The writing end of a named pipe that the target reads. The pipe carries one stream:
 * - The first reader gets it; the bytes that it read are gone.
 * - A reader that opens the pipe while another one reads, or before a write noticed that the other one left,
 *   continues the stream.
 * - A later reader sees the end at once, as long as {@link dismiss} runs.
 *
 * Before {@link end} or {@link close} the reader sees no end. So when the source fails, stop the target
 * first, or it takes a part of the stream for the whole. No thread ever waits for the pipe.
 */
export class FifoWriter implements ByteSink {
  readonly #path: string;
  readonly #closing = new AbortController();
  /** Marks the pipe itself, which stays the same even if its name is replaced. */
  #place: number | undefined;
  #socket: Socket | undefined;
  #inFlight: Promise<void> | undefined;
  #bytes = 0;
  #hasBegun = false;
  /** Why no more bytes can be written. */
  #over: Error | undefined;

  private constructor(path: string, place: number) {
    this.#path = path;
    this.#place = place;
  }

  static async open(root: string, fifo: Fifo): Promise<FifoWriter> {
    return new FifoWriter(fifo.path, await openFifo(root, fifo, O_PATH));
  }

  /** The bytes of all chunks that went into the pipe completely. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when a reader has opened the pipe; rejects when the signal aborts or the writer is closed. */
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
   * Resolves when the kernel has the whole chunk, however slow the reader is; rejects with {@link ReaderGone}
   * when no reader is left. {@link close} rejects a pending write.
   */
  write(chunk: Buffer): Promise<void> | undefined {
    if (chunk.length === 0) return undefined;
    this.#inFlight = this.#send(chunk);
    return this.#inFlight;
  }

  /** Succeeds as long as no byte is in the pipe; throws {@link CannotRestart} otherwise. */
  async restart(): Promise<void> {
    if (!this.#hasBegun) return;
    throw new CannotRestart(
      `the stream cannot start again: bytes are already in the named pipe ${this.#path}`,
    );
  }

  /** Waits for the pending write and then closes the pipe: the reader sees the end after the last byte. */
  async end(): Promise<void> {
    await this.#inFlight?.catch(() => undefined);
    this.#hangUp(new FifoError(`the stream to the named pipe ${this.#path} has ended`));
  }

  /**
   * After {@link end} or {@link ReaderGone}: shows the end at once to anyone who opens the pipe. Resolves
   * when the signal aborts or the writer is closed.
   */
  async dismiss(signal: AbortSignal): Promise<void> {
    if (this.#over === undefined)
      throw new FifoError(`the stream to the named pipe ${this.#path} has not ended yet`);
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (!either.aborted) {
      this.#showEnd();
      await sleep(dismissPollMs, either).catch(() => undefined);
    }
  }

  /** Releases everything at once, in any state; the reader sees an end, even in the middle of the stream. */
  close(): void {
    const closed = new FifoError(`the named pipe ${this.#path} was closed`);
    this.#closing.abort(closed);
    this.#hangUp(closed);
    if (this.#place !== undefined) closeSync(this.#place);
    this.#place = undefined;
  }

  async #send(chunk: Buffer): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    if (this.#socket === undefined)
      throw new FifoError(`no reader has opened the named pipe ${this.#path} yet`);
    this.#hasBegun = true;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A destroyed socket reports success for what it dropped, so the abort has to reject first.
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
        ? new ReaderGone(`no process reads from the named pipe ${this.#path} any more`, { cause: error })
        : new FifoError(`the named pipe ${this.#path} broke: ${describe(error)}`, { cause: error });
    this.#hangUp(reason);
    return this.#over ?? reason;
  }

  #hangUp(reason: Error): void {
    this.#over ??= reason;
    this.#socket?.destroy();
  }

  /** Returns undefined when no process has the pipe open for reading. */
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

  /** A reader that blocks in its open wakes up when a writing end opens, even if it closes again at once. */
  #showEnd(): void {
    try {
      const fd = this.#tryOpen();
      if (fd !== undefined) closeSync(fd);
    } catch {
      // The target made the pipe inaccessible to us; that is its own choice by now.
    }
  }
}
