import { join } from 'node:path';
import { runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { fillOnce } from './cache.ts';

const installSeconds = 900;

/** Makes a Python environment of exactly the packages that a requirements file lists. */
export function fillVenv(directory: string, requirements: string, signal: AbortSignal): Promise<void> {
  return fillOnce(directory, async () => {
    const options = { signal, seconds: installSeconds };
    await runLogged('venv', ['/usr/bin/python3', '-m', 'venv', directory], options);
    const list = join(layout.recipes, requirements);
    await runLogged(
      'pip-install',
      [join(directory, 'bin', 'pip'), 'install', '--no-deps', '-r', list],
      options,
    );
  });
}
