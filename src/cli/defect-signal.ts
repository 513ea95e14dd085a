import { exitCodes } from '../api/reasons.ts';
import { onUncaughtError } from '../support/errors.ts';

/**
 * Aborts when something fails where nobody waits for it, which is a defect of ours, so that the run is stopped and
 * cleaned up; without this, Node would end the process and leave the target running. A second one ends the process.
 */
export function defectSignal(): AbortSignal {
  const stopping = new AbortController();
  onUncaughtError((defect) => {
    if (stopping.signal.aborted) process.exit(exitCodes.internal);
    stopping.abort(defect);
  });
  return stopping.signal;
}
