import { connect, type Socket } from 'node:net';

/** Looks at what is unread, at the end or at the failure; false when the next bytes have to wait for `resume`. */
export type Consumer = () => boolean;

/**
 * A connection whose bytes all come through one buffer of the caller's: nothing is allocated for them, and nothing is
 * read before the last ones were consumed. After `destroy` the buffer is free for another connection.
 */
export class ByteSocket {
  readonly #socket: Socket;
  readonly #buffer: Buffer;
  #consumer: Consumer = () => false;
  #position = 0;
  #end = 0;
  #failure: Error | undefined;
  #hasEnded = false;

  constructor(url: URL, buffer: Buffer) {
    this.#buffer = buffer;
    this.#socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 80 : Number(url.port),
      noDelay: true,
      onread: { buffer, callback: (bytes) => this.#arrived(bytes) },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#ended());
  }

  /** What arrived and is not consumed, which nobody overwrites until it is. */
  get unread(): Buffer {
    return this.#buffer.subarray(this.#position, this.#end);
  }

  get hasUnread(): boolean {
    return this.#position < this.#end;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The other side closed the connection properly, and everything before that arrived. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The first bytes of what is unread are done with. */
  consume(bytes: number): void {
    this.#position += bytes;
  }

  /** From now on `consumer` is asked whenever something arrives; it looks at once at what is there. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer;
    this.resume();
  }

  /** Lets the consumer go on with what is there, and then with what comes. */
  resume(): void {
    if (this.#consumer()) this.#socket.resume();
  }

  /** Resolves when the kernel has it all, so that the chunk's memory is free; a failure is also the connection's. */
  send(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes the connection; the consumer hears of nothing more. */
  destroy(): void {
    this.#consumer = () => false;
    this.#socket.destroy();
  }

  #arrived(bytes: number): boolean {
    this.#position = 0;
    this.#end = bytes;
    return this.#consumer();
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#consumer();
  }

  #ended(): void {
    this.#hasEnded = true;
    this.#consumer();
  }
}
