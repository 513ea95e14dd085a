import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from '../../test/cluster/command.ts';

const installSeconds = 600;

/** Installs exactly the wheels of a requirements file into a directory, for the machine's own Python. */
export async function installPythonPackages(
  requirements: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const venv = `${directory}.venv`;
  const options = { signal, seconds: installSeconds };
  await runLogged('demo-venv', ['/usr/bin/python3', '-m', 'venv', venv], options);
  const flags = ['--no-deps', '--only-binary', ':all:', '--target', directory, '--requirement', requirements];
  await runLogged('demo-packages', [join(venv, 'bin', 'pip'), 'install', ...flags], options);
  rmSync(venv, { recursive: true });
  // The tests are a fifth of the size and never run in an image.
  for (const tests of globSync('**/tests/', { cwd: directory })) {
    rmSync(join(directory, tests), { recursive: true, force: true });
  }
}
