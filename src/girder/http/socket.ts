import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/** Looks at what is unread, at the end or at the failure; false when the next bytes have to wait for `resume`. */
type Consumer = () => boolean;

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

type ReceiveBuffer = {
  /** Where the next bytes go, as a connection of Node's wants to know it. */
  readonly buffer: Buffer | (() => Buffer);
  /** That many bytes are in the last place that was given out. */
  arrived(bytes: number): void;
  /** What arrived and is not consumed, as far as it is in one piece; it stays as it is until it is. */
  readonly unread: Buffer;
  readonly hasUnread: boolean;
  /** Whether more may come before what is there is consumed. */
  readonly hasRoom: boolean;
  /** The first bytes of what is unread are done with. */
  consume(bytes: number): void;
};

/** For a plain connection, which stops at once when it is told to: one buffer, filled and emptied in turns. */
export class PlainReceiveBuffer implements ReceiveBuffer {
  readonly buffer: Buffer;
  readonly hasRoom = false;
  #position = 0;
  #end = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  get unread(): Buffer {
    return this.buffer.subarray(this.#position, this.#end);
  }

  get hasUnread(): boolean {
    return this.#position < this.#end;
  }

  arrived(bytes: number): void {
    this.#position = 0;
    this.#end = bytes;
  }

  consume(bytes: number): void {
    this.#position += bytes;
  }
}

/** Bytes. OpenSSL gives out the text of one record at a time, which has at most as many. */
const sliceBytes = 16 * 1024;
/** A read of 64 KiB is deciphered to its end, whoever says stop; then one place more is already given out. */
const reserve = 6;

/**
 * For an encrypted connection, which goes on for some records after it is told to stop: slices of a buffer in turn,
 * and further ones if those are not enough. Neighbours are read as one piece.
 */
export class TlsReceiveBuffer implements ReceiveBuffer {
  readonly buffer = () => this.#giveOut();
  readonly #free: Buffer[] = [];
  readonly #full: { unread: Buffer; readonly slice: Buffer }[] = [];
  #next: Buffer | undefined;

  constructor(buffer: Buffer) {
    for (let start = 0; start + sliceBytes <= buffer.length; start += sliceBytes) {
      this.#free.push(buffer.subarray(start, start + sliceBytes));
    }
  }

  get unread(): Buffer {
    const [first, ...others] = this.#full;
    if (first === undefined) return Buffer.alloc(0);
    const { buffer, byteOffset } = first.unread;
    let end = byteOffset + first.unread.length;
    for (const { unread } of others) {
      if (unread.buffer !== buffer || unread.byteOffset !== end) break;
      end += unread.length;
    }
    return Buffer.from(buffer, byteOffset, end - byteOffset);
  }

  get hasUnread(): boolean {
    return this.#full.length > 0;
  }

  get hasRoom(): boolean {
    return this.#free.length > reserve;
  }

  arrived(bytes: number): void {
    const slice = this.#next;
    if (slice !== undefined && bytes > 0) this.#full.push({ unread: slice.subarray(0, bytes), slice });
    this.#next = undefined;
  }

  consume(bytes: number): void {
    for (let rest = bytes; rest > 0;) {
      const [first] = this.#full;
      if (first === undefined) return;
      const { length } = first.unread;
      if (rest < length) first.unread = first.unread.subarray(rest);
      else {
        this.#full.shift();
        this.#free.push(first.slice);
      }
      rest -= length;
    }
  }

  #giveOut(): Buffer {
    this.#next ??= this.#free.shift() ?? Buffer.allocUnsafeSlow(sliceBytes);
    return this.#next;
  }
}
