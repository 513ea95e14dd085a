export type ResponseHead = {
  readonly minor: 0 | 1;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
};

/** A response that is not HTTP/1.1, which is read strictly: what RFC 9112 lets a client refuse is refused. */
export class MalformedResponse extends Error {
  override readonly name = 'MalformedResponse';
}

/** Bytes, the same as Node's own limit; the longest signed URLs of object stores have 2 KiB. */
export const maxHeadBytes = 16 * 1024;

/** Collects the bytes of a head from any number of reads. */
export class HeadCollector {
  #text = '';

  /** Returns how many of the bytes belong to the head, and the head once it is complete. */
  take(bytes: Buffer): { readonly used: number; readonly head: ResponseHead | undefined } {
    const before = this.#text.length;
    this.#text += bytes.toString('latin1', 0, Math.min(bytes.length, maxHeadBytes + 4 - before));
    const end = this.#text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end >= 0) return { used: end + 4 - before, head: parseHead(this.#text.slice(0, end)) };
    if (this.#text.length > maxHeadBytes) {
      throw new MalformedResponse(`the head of its response is longer than ${maxHeadBytes} bytes`);
    }
    return { used: bytes.length, head: undefined };
  }
}

/** Headers that would be ambiguous if they came twice. */
const onlyOnce = new Set(['content-length', 'content-range', 'location', 'retry-after', 'transfer-encoding']);

/** Parses a head without the empty line that ends it; `text` is latin1, one character for each byte. */
export function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine);
  if (status === null) throw new MalformedResponse('its response has a malformed status line');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [name, value] = parseLine(line);
    const before = headers.get(name);
    if (before !== undefined && onlyOnce.has(name)) {
      throw new MalformedResponse(`its response has the header ${name} twice`);
    }
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { minor: status[1] === '0' ? 0 : 1, status: Number(status[2]), headers };
}

// Folded lines, blanks before the colon and bare line ends are refused, as RFC 9112, section 5, allows.
function parseLine(line: string): [string, string] {
  const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
  if (header === null) throw new MalformedResponse('its response has a malformed header');
  return [(header[1] ?? '').toLowerCase(), trimBlanks(header[2] ?? '')];
}

function trimBlanks(value: string): string {
  return value.replace(/^[\t ]+|[\t ]+$/g, '');
}

/** Where the bytes of a body are in what a connection delivers. */
export type Framing = {
  /** How many bytes of the body come next; Infinity when only the end of the connection ends the body. */
  readonly left: number;
  readonly isDone: boolean;
  /** Reports that `bytes` bytes of the body were taken. */
  took(bytes: number): void;
  /** Reads what is not part of the body, from `start`, and returns where the body continues, or `end`. */
  skip(bytes: Buffer, start: number, end: number): number;
  /** True when the body is complete if the connection ends now. */
  readonly mayEnd: boolean;
};

/** How a response to a GET is framed (RFC 9112, section 6.3); ambiguous framing is refused. */
export function framingOf({ minor, status, headers }: ResponseHead): Framing {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (status === 204 || status === 304) return new CountedFraming(0);
  if (coding !== undefined) {
    if (length !== undefined)
      throw new MalformedResponse('its response has both a Content-Length and a Transfer-Encoding');
    if (coding.toLowerCase() !== 'chunked' || minor === 0) {
      throw new MalformedResponse('its response has an unsupported Transfer-Encoding');
    }
    return new ChunkedFraming();
  }
  return new CountedFraming(length === undefined ? Infinity : parseLength(length));
}

function parseLength(text: string): number {
  const length = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(length)) return length;
  throw new MalformedResponse('its response has a malformed Content-Length');
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

/** Bytes of a size line with its extensions, and of the trailer: far more than servers send. */
const maxLineBytes = 4096;
const maxTrailerBytes = 16 * 1024;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** What comes next; `dataEnd` is the line end after the bytes of a chunk. */
type ChunkPart = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

/** Decodes the chunked transfer coding (RFC 9112, section 7.1), wherever reads cut it. */
class ChunkedFraming implements Framing {
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

  took(bytes: number): void {
    this.left -= bytes;
    if (this.left === 0) this.#part = 'dataEnd';
  }

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
    const limit = this.#part === 'dataEnd' ? 2 : maxLineBytes;
    if (this.#line.length + stop - start > limit) throw malformed();
    this.#line += bytes.toString('latin1', start, stop);
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== carriageReturn) throw malformed();
    if (this.#part === 'size') this.#startChunk(line);
    else if (this.#part === 'dataEnd') this.#part = 'size';
    else this.#skipTrailer(line);
  }

  #startChunk(line: string): void {
    const size = /^([0-9a-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/i.exec(line)?.[1];
    if (size === undefined) throw malformed();
    this.left = parseInt(size, 16);
    this.#part = this.left === 0 ? 'trailer' : 'data';
  }

  #skipTrailer(line: string): void {
    this.#trailer += line.length;
    if (this.#trailer > maxTrailerBytes) throw malformed();
    if (line === '\r\n') this.#part = 'done';
  }
}

function malformed(): MalformedResponse {
  return new MalformedResponse('its response has a malformed chunk');
}

type ContentRange = { readonly first: number; readonly total: number | undefined };

/** Parses `bytes 5-9/10` or `bytes 5-9/*`; anything else is undefined. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  return { first: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}
