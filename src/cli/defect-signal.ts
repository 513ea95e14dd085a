import { exitCodes } from '../api/reasons.ts';
import { describe, RunError } from '../support/errors.ts';

/**
 * Aborts when something fails where nobody waits for it, which is a defect of ours, so that the run is stopped and
 * cleaned up; without this, Node would end the process and leave the target running. A second one ends the process.
 */
export function defectSignal(): AbortSignal {
  const defect = new AbortController();
  const onDefect = (error: unknown) => {
    if (defect.signal.aborted) process.exit(exitCodes.internal);
    defect.abort(new RunError('WorkerFailed', describe(error), { cause: error }));
  };
  process.on('uncaughtException', onDefect).on('unhandledRejection', onDefect);
  return defect.signal;
}
