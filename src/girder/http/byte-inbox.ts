/** Where a connection puts what arrives: memory that is used again once its bytes are consumed. */
export type ReceiveBuffer = {
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
