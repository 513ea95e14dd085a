import { asError, describe } from '../../support/errors.ts';
import { BrokenBody, type ByteBody, type Take } from './byte-body.ts';
import type { ByteSocket } from './socket.ts';
import { type Framing, MalformedAnswer } from './http1.ts';

/** The body of an answer on a connection of its own, which is closed when the body is read or destroyed. */
export class SocketBody implements ByteBody {
  readonly #socket: ByteSocket;
  readonly #framing: Framing;
  readonly #done = Promise.withResolvers<void>();
  #take: Take = () => undefined;
  /** Bytes on the connection that somebody is just taking. */
  #taking = 0;

  constructor(socket: ByteSocket, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
    // Who destroys a body without pumping it does not hear of it.
    this.#done.promise.catch(() => undefined);
  }

  pump(take: Take): Promise<void> {
    this.#take = take;
    this.#socket.attach(() => this.#look());
    return this.#done.promise;
  }

  destroy(error: Error = new BrokenBody('it was destroyed')): void {
    this.#done.reject(error);
    this.#socket.destroy();
  }

  /** Gives away what is there; true when it is time to read on. */
  #look(): boolean {
    if (this.#taking > 0) return false;
    try {
      if (!this.#giveUnread()) return false;
      if (!this.#isAtEnd()) return true;
      this.#done.resolve();
      this.#socket.destroy();
    } catch (error) {
      this.destroy(error instanceof MalformedAnswer ? new BrokenBody(error.message) : asError(error));
    }
    return false;
  }

  /** True when everything that arrived was taken, false when that takes time. */
  #giveUnread(): boolean {
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
    taking.then(this.#onTaken, this.#onRefused);
    return false;
  }

  readonly #onTaken = () => {
    this.#socket.consume(this.#taking);
    this.#taking = 0;
    this.#socket.resume();
  };

  readonly #onRefused = (error: unknown) => this.destroy(asError(error));

  #isAtEnd(): boolean {
    if (this.#framing.isDone) return true;
    const { failure, hasEnded } = this.#socket;
    if (failure !== undefined) throw new BrokenBody(describe(failure));
    if (!hasEnded) return false;
    if (!this.#framing.mayEnd) throw new BrokenBody('it closed the connection too early');
    return true;
  }
}
