import { inflateSync } from 'node:zlib';
import {
  type JsonMap,
  type JsonNode,
  type MessageBounds,
  messageBounds,
  UnreadableError,
  ValueCount,
} from './json-nodes.ts';

/** Python's own limit (https://docs.python.org/3/library/stdtypes.html#int-max-str-digits). */
const maxDigits = 4300;

/**
 * Reads JSON with the words `NaN`, `Infinity` and `-Infinity`, which Python writes. Takes linear time.
 * @throws UnreadableError for a text that is not JSON or beyond the bounds
 */
export function readJson(bytes: Uint8Array, bounds = messageBounds): JsonNode {
  if (bytes.byteLength > bounds.bytes)
    throw new UnreadableError(`it has ${bytes.byteLength} bytes, but at most ${bounds.bytes} are read`);
  return new JsonReader(decode(bytes), bounds).whole();
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableError('it is not text in UTF-8');
  }
}

const words: ReadonlyMap<string, null | boolean | number> = new Map<string, null | boolean | number>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

class JsonReader {
  readonly #text: string;
  readonly #count: ValueCount;
  readonly #space = /[ \t\n\r]*/y;
  readonly #number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
  readonly #word = /-?[A-Za-z]{1,8}/y;
  #at = 0;

  constructor(text: string, bounds: MessageBounds) {
    this.#text = text;
    this.#count = new ValueCount(bounds);
  }

  whole(): JsonNode {
    const value = this.#value(1);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#wrong();
    return value;
  }

  #value(depth: number): JsonNode {
    this.#count.add(depth);
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string();
      case '[':
        return this.#list(depth);
      case '{':
        return this.#object(depth);
      default:
        return this.#wordOrNumber();
    }
  }

  #list(depth: number): JsonNode[] {
    const items: JsonNode[] = [];
    this.#at += 1;
    if (this.#took(']')) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#took(']')) return items;
      this.#expect(',');
    }
  }

  /** Of two equal keys the later value counts, at the place of the first one, as in Python. */
  #object(depth: number): JsonMap {
    const fields = new Map<string, JsonNode>();
    this.#at += 1;
    if (this.#took('}')) return fields;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#wrong();
      const key = this.#string();
      this.#expect(':');
      fields.set(key, this.#value(depth + 1));
      if (this.#took('}')) return fields;
      this.#expect(',');
    }
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (; end < this.#text.length && this.#text[end] !== '"'; end += 1)
      if (this.#text[end] === '\\') end += 1;
    this.#at = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      this.#at = start;
      throw this.#wrong();
    }
  }

  #wordOrNumber(): JsonNode {
    const [word = ''] = this.#match(this.#word) ?? [];
    const known = words.get(word);
    if (known !== undefined) {
      this.#at += word.length;
      return known;
    }
    const [digits, fraction, exponent] = this.#match(this.#number) ?? [];
    if (digits === undefined) throw this.#wrong();
    this.#at += digits.length;
    if (fraction !== undefined || exponent !== undefined) return Number(digits);
    if (digits.length > maxDigits)
      throw new UnreadableError(`it has a number of more than ${maxDigits} digits`);
    return BigInt(digits);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text);
  }

  #skipSpace(): void {
    this.#at += this.#match(this.#space)?.[0].length ?? 0;
  }

  #took(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#took(character)) throw this.#wrong();
  }

  #wrong(): UnreadableError {
    return new UnreadableError(`it is not JSON at character ${this.#at}`);
  }
}

/** What Celery writes into the header for `compression='gzip'` and `'zlib'`, which are the same. */
const inflated = 'application/x-gzip';

/** Whether the body of such a message is read. */
export function isReadableCompression(compression: string): boolean {
  return compression === inflated;
}

/** The body before it was compressed. @throws UnreadableError for one that is broken, or beyond the bounds */
export function decompressed(body: Buffer): Buffer {
  try {
    return inflateSync(body, { maxOutputLength: messageBounds.bytes });
  } catch (error) {
    const isLong = error instanceof RangeError;
    throw new UnreadableError(
      isLong
        ? `it has more than ${messageBounds.bytes} bytes when it is decompressed, and no more are read`
        : 'it is not what its header compression says',
    );
  }
}
