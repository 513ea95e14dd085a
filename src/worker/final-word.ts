import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { type Report, saysAll, terminationMessage } from '../api/report.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

/** What the kubelet keeps of a final word, which is never longer. */
const reservedBytes = 4096;

/**
 * The file that the kubelet reads a container's final word from. Its bytes are taken before the run begins, as
 * spaces, because the run may end for the very reason that the disk is full.
 */
export class FinalWord {
  readonly #path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#write('');
  }

  /** Says it, in place of what was said before; true when there was room for all of it. */
  say(report: Report): boolean {
    const text = terminationMessage(report);
    this.#write(text);
    return saysAll(text, report);
  }

  /** Never truncates: the blocks that are given back are those another would take. */
  #write(text: string): void {
    const bytes = Buffer.alloc(reservedBytes, ' ');
    bytes.write(text);
    try {
      const file = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o644);
      try {
        writeSync(file, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.#log.error({ error: describe(error) }, `the final word could not be written to ${this.#path}`);
    }
  }
}
