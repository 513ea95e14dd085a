export type Framing = {
  /** Bytes of the body that surely come next; Infinity when only the end of the connection ends it. */
  readonly left: number;
  readonly isDone: boolean;
  /** That many bytes of the body were taken. */
  took(bytes: number): void;
  /** Reads what is not of the body, from `start` on, and returns where the body goes on. */
  skip(bytes: Buffer, start: number, end: number): number;
  /** Whether the connection may end now. */
  readonly mayEnd: boolean;
};

/** Decides how an answer to a GET is framed (RFC 9112, section 6.3); what is ambiguous is refused. */
export function framingOf({ minor, status, headers }: ResponseHead): Framing {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (status === 204 || status === 304) return new CountedFraming(0);
  if (coding !== undefined) {
    if (length !== undefined) throw new MalformedAnswer('its answer has both a length and an encoding');
    if (coding.toLowerCase() !== 'chunked' || minor === 0) {
      throw new MalformedAnswer('its answer has a transfer encoding that is not read here');
    }
    return new ChunkedFraming();
  }
  return new CountedFraming(length === undefined ? Infinity : parseLength(length));
}

function parseLength(text: string): number {
  const length = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(length)) return length;
  throw new MalformedAnswer('its answer has a malformed Content-Length');
}

class CountedFraming implements Framing {
  left: number;

  constructor(length: number) {
    this.left = length;
  }

  get isDone(): boolean {
    return this.left === 0;
  }

  get mayEnd(): boolean {
    return this.left === 0 || this.left === Infinity;
  }

  took(bytes: number): void {
    this.left -= bytes;
  }

  skip(_: Buffer, start: number): number {
    return start;
  }
}

/** Bytes of a size line with its extensions, and of the trailer: nothing that anybody sends comes near. */
const longestLine = 4096;
const longestTrailer = 16 * 1024;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** What comes next: a size line, bytes of the body, the line end after them, a line of the trailer, or nothing. */
type ChunkPart = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

/** Finds the body in the chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), however it is cut into reads. */
class ChunkedFraming {
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

export type ResponseHead = {
  readonly minor: 0 | 1;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
};

/** What a server sends is not HTTP/1.1 as we read it, which is strictly. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}

/** Bytes. As much as Node's own reader takes; the longest signed addresses of object stores are 2 KiB. */
export const longestHead = 16 * 1024;

/** Headers whose repetition would mean two things at once. */
const onlyOnce = new Set(['content-length', 'content-range', 'location', 'retry-after', 'transfer-encoding']);

/** Reads a head without the empty line that ends it; the text is latin1, one character for each byte. */
export function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine);
  if (status === null) throw new MalformedAnswer('its answer has no proper status line');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [name, value] = parseLine(line);
    const before = headers.get(name);
    if (before !== undefined && onlyOnce.has(name)) {
      throw new MalformedAnswer(`its answer has the header ${name} twice`);
    }
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { minor: status[1] === '0' ? 0 : 1, status: Number(status[2]), headers };
}

// Neither folded lines, nor blanks before the colon, nor bare line ends: RFC 9112, section 5, lets us refuse them.
function parseLine(line: string): [string, string] {
  const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
  if (header === null) throw new MalformedAnswer('its answer has a malformed header');
  return [(header[1] ?? '').toLowerCase(), trimBlanks(header[2] ?? '')];
}

function trimBlanks(value: string): string {
  return value.replace(/^[\t ]+|[\t ]+$/g, '');
}

/** Collects the bytes of a head from any number of reads. */
export class HeadCollector {
  #text = '';

  /** Takes bytes; returns how many of them belong to the head, and whether it is complete. */
  take(bytes: Buffer): { readonly used: number; readonly head: ResponseHead | undefined } {
    const before = this.#text.length;
    this.#text += bytes.toString('latin1', 0, Math.min(bytes.length, longestHead + 4 - before));
    const end = this.#text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end >= 0) return { used: end + 4 - before, head: parseHead(this.#text.slice(0, end)) };
    if (this.#text.length > longestHead) {
      throw new MalformedAnswer(`the head of its answer is longer than ${longestHead} bytes`);
    }
    return { used: bytes.length, head: undefined };
  }
}

type ContentRange = { readonly first: number; readonly total: number | undefined };

/** Reads `bytes 5-9/10` or `bytes 5-9/*`; anything else is undefined. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  return { first: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}
