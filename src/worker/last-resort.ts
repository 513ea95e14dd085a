import { onUncaughtError, type RunError } from '../support/errors.ts';

/**
 * Ends the process with the exit code that `end` gives when something fails where nobody waits for it, which is a
 * defect of ours; without this, Node would end it without a final word. A broken log ends nothing.
 */
export function installLastResort(end: (failure: RunError) => number): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onUncaughtError((defect) => process.exit(end(defect)));
}
