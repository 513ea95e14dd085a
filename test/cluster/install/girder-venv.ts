import { join } from 'node:path';
import { runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { say } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, fillOnce } from './cache.ts';

const recipe = 'girder/requirements.txt';
const installSeconds = 900;

/** The Python environment that holds Girder. */
export function girderVenv(): string {
  return cacheDirectory('girder', [recipe]);
}

/** Installs Girder and its jobs plugin at pinned versions. */
export const girderVenvStep: Step = {
  name: 'girder venv',
  after: ['packages'],
  run: (signal) =>
    fillOnce(girderVenv(), async () => {
      say('girder venv: installing Girder 5 and its jobs plugin');
      const options = { seconds: installSeconds };
      await runLogged('girder-venv', '/usr/bin/python3', ['-m', 'venv', girderVenv()], signal, options);
      const pip = join(girderVenv(), 'bin', 'pip');
      const requirements = join(layout.recipes, recipe);
      await runLogged('girder-install', pip, ['install', '--no-deps', '-r', requirements], signal, options);
    }),
};
