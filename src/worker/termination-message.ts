import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { type Report, terminationMessage, terminationMessageBytes } from '../api/report.ts';
import { describe, onUncaughtError, type RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

/**
 * The file that the kubelet reads a container's final word from. Its bytes are taken before the run begins, as
 * spaces, because the run may end for the very reason that the disk is full.
 */
export class TerminationMessage {
  readonly #path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#write('');
  }

  /** Writes the report in place of the one that was written before. */
  say(report: Report): void {
    this.#write(terminationMessage(report));
  }

  /** Never truncates: the blocks that are given back are those another would take. */
  #write(text: string): void {
    const bytes = Buffer.alloc(terminationMessageBytes, ' ');
    bytes.write(text);
    try {
      const file = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o644);
      try {
        writeSync(file, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.#log.error(
        { error: describe(error) },
        `the termination message could not be written to ${this.#path}`,
      );
    }
  }
}

/**
 * Ends the process with the exit code that `end` gives when something fails where nobody waits for it, which is a
 * defect of ours; without this, Node would end it without a termination message. A broken log ends nothing.
 */
export function installLastResort(end: (failure: RunError) => number): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onUncaughtError((defect) => process.exit(end(defect)));
}
