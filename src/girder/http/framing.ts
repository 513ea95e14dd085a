import { ChunkedFraming } from './chunked.ts';
import { MalformedAnswer, type ResponseHead } from './head.ts';

/** Where a body ends. The reader asks for `left`, tells what it took, and gives everything else to `skip`. */
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
