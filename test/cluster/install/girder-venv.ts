import { join } from 'node:path';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, isFilled } from './cache.ts';
import { fillVenv } from './venv.ts';

const recipe = 'girder/requirements.txt';

/** The Python environment that holds Girder. */
export function girderVenv(): string {
  return cacheDirectory('girder', [recipe]);
}

/** Its interpreter, which has girder_worker, girder_client and slicer_cli_web. */
export function girderPython(): string {
  return join(girderVenv(), 'bin', 'python');
}

/** Installs Girder with its jobs, worker and Slicer CLI plugins at pinned versions. */
export const girderVenvStep: Step = {
  name: 'girder venv',
  after: ['packages'],
  run: async (signal) => {
    if (isFilled(girderVenv())) return;
    printLine('girder venv: installing Girder 5 with its jobs, worker and Slicer CLI plugins');
    await fillVenv(girderVenv(), recipe, signal);
  },
};
