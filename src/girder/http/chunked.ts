import { MalformedAnswer } from './head.ts';

/** Bytes of a size line with its extensions, and of the trailer: nothing that anybody sends comes near. */
const longestLine = 4096;
const longestTrailer = 16 * 1024;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** What comes next: a size line, bytes of the body, the line end after them, a line of the trailer, or nothing. */
type ChunkPart = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

/** Finds the body in the chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), however it is cut into reads. */
export class ChunkedFraming {
  left = 0;
  #part: ChunkPart = 'size';
  #line = '';
  #trailer = 0;

  get isDone(): boolean {
    return this.#part === 'done';
  }

  get mayEnd(): boolean {
    return this.isDone;
  }

  /** That many bytes of the body were taken. */
  took(bytes: number): void {
    this.left -= bytes;
    if (this.left === 0) this.#part = 'dataEnd';
  }

  /** Reads lines from `start` on and returns where the body goes on, or `end`. */
  skip(bytes: Buffer, start: number, end: number): number {
    let position = start;
    while (position < end && this.#part !== 'data' && this.#part !== 'done') {
      const lineEnd = bytes.indexOf(lineFeed, position);
      const stop = lineEnd < 0 || lineEnd >= end ? end : lineEnd + 1;
      this.#collect(bytes, position, stop);
      position = stop;
      if (stop - 1 === lineEnd) this.#endLine();
    }
    return position;
  }

  #collect(bytes: Buffer, start: number, stop: number): void {
    const limit = this.#part === 'dataEnd' ? 2 : longestLine;
    if (this.#line.length + stop - start > limit) throw malformed();
    this.#line += bytes.toString('latin1', start, stop);
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== carriageReturn) throw malformed();
    if (this.#part === 'size') this.#begin(line);
    else if (this.#part === 'dataEnd') this.#part = 'size';
    else this.#passTrailer(line);
  }

  #begin(line: string): void {
    const size = /^([0-9a-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/i.exec(line)?.[1];
    if (size === undefined) throw malformed();
    this.left = parseInt(size, 16);
    this.#part = this.left === 0 ? 'trailer' : 'data';
  }

  #passTrailer(line: string): void {
    this.#trailer += line.length;
    if (this.#trailer > longestTrailer) throw malformed();
    if (line === '\r\n') this.#part = 'done';
  }
}

function malformed(): MalformedAnswer {
  return new MalformedAnswer('its answer is not properly chunked');
}
