/** The head of an answer: its status, and its headers by their names in small letters. */
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
