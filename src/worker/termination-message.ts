import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { type Report, terminationMessage, terminationMessageBytes } from '../api/report.ts';
import { describe, onUncaughtError, type RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

/**
 * The file from which the kubelet reads the container's termination message. It is filled with spaces before
 * the run starts, because the run may fail with a full disk.
 */
export class TerminationMessage {
  readonly #path: string;
  readonly #log: Logger;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#write('');
  }

  /** Replaces an earlier report. */
  write(report: Report): void {
    this.#write(terminationMessage(report));
  }

  /** Never truncates: another process could take the freed blocks. */
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
      this.#log.error({ error: describe(error) }, `cannot write the termination message to ${this.#path}`);
    }
  }
}

/**
 * Exits with the code that `end` returns on an uncaught error, which is a defect of ours; without this, Node
 * would exit without a termination message. Write errors on stdout and stderr are ignored.
 */
export function installLastResort(end: (failure: RunError) => number): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onUncaughtError((defect) => process.exit(end(defect)));
}
