import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const maxPieceLength = 16 * 1024;

type Piece = { text: string; bytes: number };

/**
 * Text that waits to be sent to a job's log, at most `limit` bytes of UTF-8. Beyond that it drops the middle
 * and notes it in a line: the beginning shows what was started, the end what went wrong.
 */
export class JobLog {
  readonly #half: number;
  #head: Piece[] = [];
  #tail: Piece[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #omitted = 0;
  #isAtLineStart = true;
  #takenEndsLine = true;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  get isEmpty(): boolean {
    return this.#head.length === 0 && this.#tail.length === 0 && this.#omitted === 0;
  }

  /** Adds text unchanged, except that a lone surrogate becomes U+FFFD. */
  add(text: string): void {
    if (text === '') return;
    this.#isAtLineStart = text.endsWith('\n');
    for (const piece of pieces(text.toWellFormed()))
      this.#push({ text: piece, bytes: Buffer.byteLength(piece) });
  }

  /** Adds a separate line, also after output that did not end its last line. */
  addLine(line: string): void {
    this.add(`${this.#isAtLineStart ? '' : '\n'}${line}\n`);
  }

  /**
   * Removes and returns the oldest text: as much as fits into `limit` bytes, but at least one piece (up to 48
   * KiB).
   */
  take(limit: number): string {
    if (this.#head.length === 0) this.#tailToHead();
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
    if (text !== '') this.#takenEndsLine = text.endsWith('\n');
    return text;
  }

  #push(piece: Piece): void {
    if (this.#tail.length === 0 && this.#omitted === 0 && this.#headBytes + piece.bytes <= this.#half) {
      append(this.#head, piece);
      this.#headBytes += piece.bytes;
      return;
    }
    append(this.#tail, piece);
    this.#tailBytes += piece.bytes;
    while (this.#tailBytes > this.#half) {
      const dropped = this.#tail.shift()?.bytes ?? 0;
      this.#tailBytes -= dropped;
      this.#omitted += dropped;
    }
  }

  /** Makes the tail the head, after a line that states how much is missing between them. */
  #tailToHead(): void {
    [this.#head, this.#tail] = [this.#tail, []];
    [this.#headBytes, this.#tailBytes] = [this.#tailBytes, 0];
    if (this.#omitted === 0) return;
    const text = `${this.#takenEndsLine ? '' : '\n'}${omittedLine(this.#omitted)}\n`;
    this.#omitted = 0;
    this.#head.unshift({ text, bytes: Buffer.byteLength(text) });
    this.#headBytes += Buffer.byteLength(text);
  }
}

/** The line that replaces bytes in a job's log. */
export function omittedLine(bytes: number): string {
  return `[${bytes} bytes omitted; the log of the run's pod has them]`;
}

function append(list: Piece[], piece: Piece): void {
  const last = list.at(-1);
  if (last === undefined || last.text.length + piece.text.length > maxPieceLength) {
    list.push(piece);
    return;
  }
  last.text += piece.text;
  last.bytes += piece.bytes;
}

function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + maxPieceLength, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Bytes, so many that the target never waits for Girder. */
const neverFull = 2 ** 30;

/** Decodes one stream of the target for a job's log: chunks may cut a character, `add` gets whole ones. */
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

  /** Stops waiting for the rest of a character: its bytes so far become U+FFFD. */
  flushRest(): void {
    this.#add(this.#decoder.end());
  }
}
