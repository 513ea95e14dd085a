import { asError, describe } from '../../support/errors.ts';
import { BrokenBody, type ByteBody, type Take } from './byte-body.ts';
import type { ByteSocket } from './socket.ts';
import { type Framing, MalformedResponse } from './http1.ts';

/** The body of a response that has its own connection, which is closed once the body is read or destroyed. */
export class SocketBody implements ByteBody {
  readonly #socket: ByteSocket;
  readonly #framing: Framing;
  readonly #done = Promise.withResolvers<void>();
  #take: Take = () => undefined;
  /** Bytes on the connection that the reader is taking at the moment. */
  #taking = 0;

  constructor(socket: ByteSocket, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
    // A body that is destroyed without being pumped must not count as an unhandled rejection.
    this.#done.promise.catch(() => undefined);
  }

  pump(take: Take): Promise<void> {
    this.#take = take;
    this.#socket.attach(() => this.#deliver());
    return this.#done.promise;
  }

  destroy(error: Error = new BrokenBody('it was destroyed')): void {
    this.#done.reject(error);
    this.#socket.destroy();
  }

  /** Passes on what arrived; true when the connection should read more. */
  #deliver(): boolean {
    if (this.#taking > 0) return false;
    try {
      if (!this.#deliverUnread()) return false;
      if (!this.#isAtEnd()) return true;
      this.#done.resolve();
      this.#socket.destroy();
    } catch (error) {
      this.destroy(error instanceof MalformedResponse ? new BrokenBody(error.message) : asError(error));
    }
    return false;
  }

  /** True when everything that arrived was taken, false while the reader takes time. */
  #deliverUnread(): boolean {
    const framing = this.#framing;
    while (this.#socket.hasUnread && !framing.isDone) {
      const { unread } = this.#socket;
      const start = framing.skip(unread, 0, unread.length);
      const bytes = Math.min(framing.left, unread.length - start);
      if (bytes > 0) framing.took(bytes);
      const wait = bytes > 0 ? this.#take(unread.subarray(start, start + bytes)) : undefined;
      if (wait !== undefined) return this.#wait(wait, start + bytes);
      this.#socket.consume(start + bytes);
    }
    return true;
  }

  #wait(taking: Promise<void>, bytes: number): false {
    this.#taking = bytes;
    taking.then(this.#onTaken, this.#onFailed);
    return false;
  }

  readonly #onTaken = () => {
    this.#socket.consume(this.#taking);
    this.#taking = 0;
    this.#socket.resume();
  };

  readonly #onFailed = (error: unknown) => this.destroy(asError(error));

  #isAtEnd(): boolean {
    if (this.#framing.isDone) return true;
    const { failure, hasEnded } = this.#socket;
    if (failure !== undefined) throw new BrokenBody(describe(failure));
    if (!hasEnded) return false;
    if (!this.#framing.mayEnd) throw new BrokenBody('it closed the connection too early');
    return true;
  }
}
