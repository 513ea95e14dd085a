import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

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
