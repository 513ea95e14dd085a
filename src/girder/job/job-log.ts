import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const longestPiece = 16 * 1024;

type Piece = { text: string; bytes: number };

/**
 * What waits to go into a job's log, `limit` bytes of UTF-8 at most. When more comes than Girder takes, the middle
 * is left out and a line says so: the beginning shows what was started, the end what went wrong.
 */
export class JobLog {
  readonly #half: number;
  #head: Piece[] = [];
  #tail: Piece[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #leftOut = 0;
  #isAtLineStart = true;
  #wasTakenToLineEnd = true;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  get isEmpty(): boolean {
    return this.#head.length === 0 && this.#tail.length === 0 && this.#leftOut === 0;
  }

  /** Adds text as it is; half a character of UTF-16 becomes U+FFFD. */
  add(text: string): void {
    if (text === '') return;
    this.#isAtLineStart = text.endsWith('\n');
    for (const piece of pieces(text.toWellFormed()))
      this.#push({ text: piece, bytes: Buffer.byteLength(piece) });
  }

  /** Adds a line of its own, also after output that did not end its line. */
  addLine(line: string): void {
    this.add(`${this.#isAtLineStart ? '' : '\n'}${line}\n`);
  }

  /** Takes the oldest text, as much as `limit` bytes hold, but one piece (of 48 KiB at most) in any case. */
  take(limit: number): string {
    if (this.#head.length === 0) this.#turn();
    let text = '';
    let bytes = 0;
    let taken = 0;
    for (const { text: piece, bytes: size } of this.#head) {
      if (text !== '' && bytes + size > limit) break;
      text += piece;
      bytes += size;
      taken += 1;
    }
    this.#head.splice(0, taken);
    this.#headBytes -= bytes;
    if (text !== '') this.#wasTakenToLineEnd = text.endsWith('\n');
    return text;
  }

  #push(piece: Piece): void {
    if (this.#tail.length === 0 && this.#leftOut === 0 && this.#headBytes + piece.bytes <= this.#half) {
      append(this.#head, piece);
      this.#headBytes += piece.bytes;
      return;
    }
    append(this.#tail, piece);
    this.#tailBytes += piece.bytes;
    while (this.#tailBytes > this.#half) {
      const dropped = this.#tail.shift()?.bytes ?? 0;
      this.#tailBytes -= dropped;
      this.#leftOut += dropped;
    }
  }

  /** The tail becomes the head, behind the line that says what is missing between them. */
  #turn(): void {
    [this.#head, this.#tail] = [this.#tail, []];
    [this.#headBytes, this.#tailBytes] = [this.#tailBytes, 0];
    if (this.#leftOut === 0) return;
    const text = `${this.#wasTakenToLineEnd ? '' : '\n'}${leftOutLine(this.#leftOut)}\n`;
    this.#leftOut = 0;
    this.#head.unshift({ text, bytes: Buffer.byteLength(text) });
    this.#headBytes += Buffer.byteLength(text);
  }
}

/** The line that stands in a job's log for bytes that are not in it. */
export function leftOutLine(bytes: number): string {
  return `[${bytes} bytes are left out here; the log of the run's pod has them]`;
}

function append(list: Piece[], piece: Piece): void {
  const last = list.at(-1);
  if (last === undefined || last.text.length + piece.text.length > longestPiece) {
    list.push(piece);
    return;
  }
  last.text += piece.text;
  last.bytes += piece.bytes;
}

function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + longestPiece, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Takes everything at once: the target never waits for Girder. */
const neverFull = 2 ** 30;

/** One stream of the target on its way into a job's log: bytes come in anywhere cut, whole characters go out. */
export class JobSink extends Writable {
  readonly #decoder = new StringDecoder('utf8');
  readonly #add: (text: string) => void;

  constructor(add: (text: string) => void) {
    super({ highWaterMark: neverFull });
    this.#add = add;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#add(this.#decoder.write(chunk));
    done();
  }

  override _final(done: () => void): void {
    this.flushRest();
    done();
  }

  /** Gives up waiting for the rest of a character: what is there of it becomes U+FFFD. */
  flushRest(): void {
    this.#add(this.#decoder.end());
  }
}
