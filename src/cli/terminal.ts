import type { Readable, Writable } from 'node:stream';

/** The parts of `process` that a command uses. */
export type Terminal = {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborts on SIGINT, SIGTERM or SIGHUP; its reason is the name of the signal. */
  readonly stop: AbortSignal;
};
