import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { type ReceiveBuffer, TlsReceiveBuffer, PlainReceiveBuffer } from './byte-inbox.ts';

/** Looks at what is unread, at the end or at the failure; false when the next bytes have to wait for `resume`. */
export type Consumer = () => boolean;

/**
 * A connection whose bytes all come through one buffer of the caller's: nothing is allocated for them, and nothing is
 * read that has no place there. After `destroy` the buffer is free for another connection.
 */
export class ByteSocket {
  readonly #received: ReceiveBuffer;
  readonly #socket: Socket;
  #consumer: Consumer = ignore;
  #failure: Error | undefined;
  #hasEnded = false;

  /** `lookup` finds the host's addresses in another way than the system's. */
  constructor(url: URL, buffer: Buffer, lookup?: LookupFunction) {
    const isSecure = url.protocol === 'https:';
    this.#received = isSecure ? new TlsReceiveBuffer(buffer) : new PlainReceiveBuffer(buffer);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const onread = { buffer: this.#received.buffer, callback: (bytes: number) => this.#arrived(bytes) };
    const to = { host, port: Number(url.port), noDelay: true, onread, ...(lookup && { lookup }) };
    this.#socket = isSecure
      ? connectSecurely({ ...to, port: to.port || 443, ALPNProtocols: ['http/1.1'], ...serverName(host) })
      : connect({ ...to, port: to.port || 80 });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#ended());
  }

  /** What arrived and is not consumed, which nobody overwrites until it is; there may be more behind it. */
  get unread(): Buffer {
    return this.#received.unread;
  }

  get hasUnread(): boolean {
    return this.#received.hasUnread;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The other side closed the connection properly, and nothing comes after what is unread. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The first bytes of what is unread are done with, and their memory is free. */
  consume(bytes: number): void {
    this.#received.consume(bytes);
  }

  /** From now on `consumer` is asked whenever something arrives; it looks at once at what is there. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer;
    this.resume();
  }

  /** Whatever arrives waits for the next consumer. */
  detach(): void {
    this.#consumer = ignore;
  }

  /** Lets the consumer go on with what is there, and then with what comes. */
  resume(): void {
    if (this.#wantsMore()) this.#socket.resume();
  }

  /** Resolves when the kernel has it all, so that the chunk's memory is free; a failure is also the connection's. */
  send(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes the connection; the consumer hears of nothing more. */
  destroy(): void {
    this.detach();
    this.#socket.destroy();
  }

  #arrived(bytes: number): boolean {
    this.#received.arrived(bytes);
    return this.#wantsMore();
  }

  #wantsMore(): boolean {
    return this.#consumer() || this.#received.hasRoom;
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

function ignore(): boolean {
  return false;
}

/** The name is for a server with several certificates; an address must not be sent as one. */
function serverName(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}
