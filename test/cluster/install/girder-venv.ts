import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, isFilled } from './cache.ts';
import { fillVenv } from './venv.ts';

const recipe = 'girder/requirements.txt';

/** The Python environment that holds Girder. */
export function girderVenv(): string {
  return cacheDirectory('girder', [recipe]);
}

/** Installs Girder with its jobs and worker plugins at pinned versions. */
export const girderVenvStep: Step = {
  name: 'girder venv',
  after: ['packages'],
  run: async (signal) => {
    if (isFilled(girderVenv())) return;
    printLine('girder venv: installing Girder 5 with its jobs and worker plugins');
    await fillVenv(girderVenv(), recipe, signal);
  },
};
