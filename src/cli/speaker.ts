import { Writable } from 'node:stream';

/**
 * Standard error, which the target's bytes and our lines share: each line of ours begins at the beginning of a line,
 * even if the target's last one has no end yet.
 */
export class Console {
  /** Takes the target's bytes, and passes them on as they are. */
  readonly target: Writable;
  readonly #out: Writable;
  readonly #isQuiet: boolean;
  #isMidLine = false;

  constructor(out: Writable, isQuiet: boolean) {
    this.#out = out;
    this.#isQuiet = isQuiet;
    this.target = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#isMidLine = chunk.at(-1) !== 0x0a;
        out.write(chunk, done);
      },
    });
  }

  /** Prints a line about how it goes. */
  say(line: string): void {
    if (!this.#isQuiet) this.warn(line);
  }

  /** Prints a line that nobody should miss. */
  warn(line: string): void {
    // What others say can hold control characters, and a terminal would obey them.
    const plain = line
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}')
      .replaceAll('\n', ' ');
    this.#out.write(`${this.#isMidLine ? '\n' : ''}dockerrun: ${plain}\n`);
    this.#isMidLine = false;
  }
}
