import { deadline, raceAbort } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

/** In milliseconds, for one part of the clean-up: others may write to a volume faster than it is emptied. */
const cleanUpMs = 300_000;

/**
 * One part of the clean-up at the end of a run, which has its outcome by now. A file that cannot be removed,
 * or a neighbour that keeps making files in a shared directory, must neither change the outcome nor delay it
 * for ever: what remains is logged. `what` completes "cannot remove …".
 */
export async function cleanUp(
  { log, milliseconds = cleanUpMs }: { readonly log: Logger; readonly milliseconds?: number },
  what: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = deadline(milliseconds);
  try {
    await raceAbort(work(signal), signal);
  } catch (error) {
    log.warn({ error: describe(error) }, `cannot remove ${what} of the run from the node`);
  }
}
