import { RunError } from '../../support/errors.ts';

/** Says of a failure which part of the spec it is about, like "transform ct"; an error that is no RunError stays. */
export function inContext(error: unknown, part: string): unknown {
  if (!(error instanceof RunError)) return error;
  return new RunError(error.reason, `${part}: ${error.message}`, { cause: error });
}
