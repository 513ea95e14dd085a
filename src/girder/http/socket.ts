import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/**
 * Handles unread bytes, the end or a failure; returns false when the next bytes have to wait for `resume`.
 */
type Consumer = () => boolean;

type Way = { readonly lookup?: LookupFunction; readonly tunnel?: Socket };

/**
 * A connection that reads into one buffer of the caller: it allocates no other memory and reads only what
 * fits. After `destroy` the buffer is free for another connection.
 */
export class ByteSocket {
  readonly #received: ReceiveBuffer;
  readonly #socket: Socket;
  #consumer: Consumer = ignore;
  #failure: Error | undefined;
  #hasEnded = false;

  /**
   * `lookup` replaces the system's resolution of the host name; `tunnel` is a connection to an encrypted server
   * on which TLS has not started.
   */
  constructor(url: URL, buffer: Buffer, { lookup, tunnel }: Way = {}) {
    const isSecure = url.protocol === 'https:';
    this.#received = isSecure ? new TlsReceiveBuffer(buffer) : new PlainReceiveBuffer(buffer);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const onread = { buffer: this.#received.buffer, callback: (bytes: number) => this.#arrived(bytes) };
    const to = { host, port: Number(url.port), noDelay: true, onread, ...(lookup && { lookup }) };
    this.#socket = isSecure
      ? connectSecurely({
          ...to,
          port: to.port || 443,
          ALPNProtocols: ['http/1.1'],
          ...serverName(host),
          ...(tunnel && { socket: tunnel }),
        })
      : connect({ ...to, port: to.port || 80 });
    // Node ignores `onread` for TLS on a connection that exists already, so that its chunks are copied.
    if (tunnel !== undefined) this.#socket.on('data', (chunk: Buffer) => this.#copy(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#ended());
  }

  /** Bytes that arrived and are not consumed; they stay in place until they are, and more may follow them. */
  get unread(): Buffer {
    return this.#received.unread;
  }

  get hasUnread(): boolean {
    return this.#received.hasUnread;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The connection ended, and no bytes follow those that are unread. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Frees the memory of the first `bytes` unread bytes. */
  consume(bytes: number): void {
    this.#received.consume(bytes);
  }

  /** Calls `consumer` now, for what is unread, and whenever something arrives. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer;
    this.resume();
  }

  /** What arrives from now on waits for the next consumer. */
  detach(): void {
    this.#consumer = ignore;
  }

  /** Calls the consumer again, for what is unread and for what arrives. */
  resume(): void {
    if (this.#wantsMore()) this.#socket.resume();
  }

  /**
   * Resolves when the kernel has the whole chunk, so that its memory is free; a failure also fails the
   * connection.
   */
  send(chunk: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Closes the connection; the consumer is not called any more. */
  destroy(): void {
    this.detach();
    this.#socket.destroy();
  }

  #arrived(bytes: number): boolean {
    this.#received.arrived(bytes);
    return this.#wantsMore();
  }

  #copy(chunk: Buffer): void {
    let hasRoom = true;
    for (let copied = 0; copied < chunk.length;) {
      const { buffer } = this.#received;
      const bytes = chunk.copy(typeof buffer === 'function' ? buffer() : buffer, 0, copied);
      copied += bytes;
      hasRoom = this.#arrived(bytes);
    }
    if (!hasRoom) this.#socket.pause();
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

/** SNI, for a server with several certificates; it must not hold an IP address. */
function serverName(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

/** The memory of a connection, in the form that `onread` of node:net expects. */
type ReceiveBuffer = {
  /** Where the next bytes go. */
  readonly buffer: Buffer | (() => Buffer);
  /** `bytes` bytes were written to where `buffer` pointed last. */
  arrived(bytes: number): void;
  /** The first contiguous piece of what arrived and is not consumed. */
  readonly unread: Buffer;
  readonly hasUnread: boolean;
  /** True when more may arrive before the unread bytes are consumed. */
  readonly hasRoom: boolean;
  consume(bytes: number): void;
};

/** For a plain connection, which stops reading at once: one buffer, filled and emptied in turn. */
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

/** Bytes. OpenSSL returns the plaintext of one record at a time, which is at most this long. */
const sliceBytes = 16 * 1024;
/**
 * Slices. A read of 64 KiB is decrypted to its end even after a stop, and one more slice is already in use.
 */
const reserve = 6;

/**
 * For an encrypted connection, which delivers some more records after it is told to stop: slices of one
 * buffer in turn, and newly allocated ones if those do not suffice. Adjacent slices are read as one piece.
 */
export class TlsReceiveBuffer implements ReceiveBuffer {
  readonly buffer = () => this.#nextSlice();
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

  #nextSlice(): Buffer {
    this.#next ??= this.#free.shift() ?? Buffer.allocUnsafeSlow(sliceBytes);
    return this.#next;
  }
}
