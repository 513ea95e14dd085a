export type OutputStream = 'stdout' | 'stderr';

/** Consecutive bytes of one output, in the order of arrival. */
export type OutputPiece = { readonly stream: OutputStream; readonly data: Buffer };

/** An incremental parser of the engine's multiplexed stream. */
export type Demux = {
  /** Returns the pieces in a chunk; neighbouring frames of one output become one piece. */
  readonly push: (chunk: Buffer) => OutputPiece[];
  /** True between frames; a stream that ends anywhere else was cut off. */
  readonly isAtBoundary: () => boolean;
};

const headerLength = 8;

/**
 * Parses frames of `[type, 0, 0, 0, length as 32-bit big endian]` and payload. Payload is returned as it
 * arrives, even in part, so memory does not depend on the length that a frame claims.
 * @throws Error from `push` when the stream is not multiplexed, for example that of a container with a TTY
 */
export function createDemux(): Demux {
  const header = Buffer.alloc(headerLength);
  let headerBytes = 0;
  let payloadLeft = 0;
  let stream: OutputStream = 'stdout';

  function readHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(header, headerBytes, at, at + headerLength - headerBytes);
    headerBytes += taken;
    if (headerBytes === headerLength) {
      stream = streamOf(header);
      payloadLeft = header.readUInt32BE(4);
      if (payloadLeft === 0) headerBytes = 0;
    }
    return taken;
  }

  function push(chunk: Buffer): OutputPiece[] {
    const runs = new Runs();
    let at = 0;
    while (at < chunk.length) {
      if (headerBytes < headerLength) {
        at += readHeader(chunk, at);
        continue;
      }
      const end = Math.min(at + payloadLeft, chunk.length);
      runs.add(stream, chunk.subarray(at, end));
      payloadLeft -= end - at;
      if (payloadLeft === 0) headerBytes = 0;
      at = end;
    }
    return runs.finish();
  }

  return { push, isAtBoundary: () => headerBytes === 0 };
}

/** Type 3 is the engine's own error text, which users expect on stderr. */
function streamOf(header: Buffer): OutputStream {
  const type = header[0] ?? 255;
  if (type > 3 || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
    throw new Error(`The engine's output stream is not multiplexed (frame header ${header.toString('hex')})`);
  }
  return type >= 2 ? 'stderr' : 'stdout';
}

/** Joins neighbouring slices of one output: a write of 60 bytes costs a sink as much as one of 60 KiB. */
class Runs {
  readonly #pieces: OutputPiece[] = [];
  #slices: Buffer[] = [];
  #stream: OutputStream = 'stdout';

  add(stream: OutputStream, slice: Buffer): void {
    if (stream !== this.#stream) this.#flush();
    this.#stream = stream;
    this.#slices.push(slice);
  }

  finish(): OutputPiece[] {
    this.#flush();
    return this.#pieces;
  }

  #flush(): void {
    const [first] = this.#slices;
    if (first === undefined) return;
    const data = this.#slices.length === 1 ? first : Buffer.concat(this.#slices);
    this.#pieces.push({ stream: this.#stream, data });
    this.#slices = [];
  }
}
