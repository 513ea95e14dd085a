import type { ChannelModel } from 'amqplib';

/**
 * Integers of 64 bits in the headers of a message. Python's client of AMQP marks them with `L`, which RabbitMQ passes on
 * and amqplib does not know: it would end the connection, and with it each further one, because the message comes
 * again. A job of Girder in a header has such a number as soon as an argument of its task is beyond 2^31.
 */
export function acceptLongIntegers(model: ChannelModel): void {
  const connection = model.connection as unknown as Receiver;
  const receive = connection.recvFrame.bind(connection);
  connection.recvFrame = () => {
    renameLongIntegers(connection.rest);
    return receive();
  };
}

/** What amqplib's connection has, without a type: the bytes that are not frames yet, and what makes a frame of them. */
type Receiver = { readonly rest: Buffer; recvFrame: () => unknown };

/** https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 4.2.3 and 4.2.6 */
const headerFrame = 2;
const frameHeaderBytes = 7;
/** Of a content header: class, weight, and the size of the body. */
const contentHeaderBytes = 12;
const hasContentType = 1 << 15;
const hasContentEncoding = 1 << 14;
const hasHeaders = 1 << 13;

const [pythonTag, ownTag] = ['L', 'l'].map((tag) => tag.charCodeAt(0));

/** Bytes of the values whose size does not depend on them, by their tags. */
const sizes: Readonly<Record<string, number>> = {
  ...{ t: 1, b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, f: 4, D: 5 },
  ...{ l: 8, L: 8, d: 8, T: 8, V: 0 },
};

/** Changes the tags in place, if the bytes begin with a whole frame of a content header; any other bytes stay. */
export function renameLongIntegers(bytes: Buffer): void {
  if (bytes.length < frameHeaderBytes || bytes.readUInt8(0) !== headerFrame) return;
  const end = frameHeaderBytes + bytes.readUInt32BE(3);
  if (bytes.length <= end) return;
  try {
    new TableWalk(bytes.subarray(frameHeaderBytes, end)).run();
  } catch (error) {
    // Beyond the frame: amqplib says what is wrong with it.
    if (!(error instanceof RangeError)) throw error;
  }
}

class TableWalk {
  readonly #bytes: Buffer;
  #at = contentHeaderBytes;

  constructor(payload: Buffer) {
    this.#bytes = payload;
  }

  run(): void {
    const flags = this.#bytes.readUInt16BE(this.#at);
    this.#at += 2;
    if ((flags & hasHeaders) === 0) return;
    if ((flags & hasContentType) !== 0) this.#shortText();
    if ((flags & hasContentEncoding) !== 0) this.#shortText();
    this.#fields(true);
  }

  #shortText(): void {
    this.#at += 1 + this.#bytes.readUInt8(this.#at);
  }

  /** Of a table, whose values have names, or of a list. */
  #fields(isTable: boolean): void {
    const end = this.#sized();
    while (this.#at < end) {
      if (isTable) this.#shortText();
      this.#value();
    }
  }

  /** The end of what follows, which begins with its length. */
  #sized(): number {
    const length = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return this.#at + length;
  }

  #value(): void {
    const code = this.#bytes.readUInt8(this.#at);
    if (code === pythonTag) this.#bytes.writeUInt8(ownTag ?? code, this.#at);
    this.#at += 1;
    const tag = String.fromCharCode(code);
    if (tag === 'F' || tag === 'A') this.#fields(tag === 'F');
    else if (tag === 'S' || tag === 'x') this.#at = this.#sized();
    else this.#at += sizes[tag] ?? Infinity;
  }
}
