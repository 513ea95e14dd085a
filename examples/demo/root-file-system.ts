import { rmSync } from 'node:fs';
import { capture, runLogged } from '../../test/cluster/command.ts';
import { isolated, machineRelease, mirrorOf } from '../../test/cluster/install/debian-archive.ts';

const debootstrapSeconds = 900;

/** Not needed at run time; without them the image has half the size. */
const notNeeded = [
  'dev/*',
  'usr/share/doc/*',
  'usr/share/locale/*',
  'usr/share/man/*',
  'var/cache/apt/*',
  'var/lib/apt/lists/*',
];

/** Creates a tar of this machine's own release with Python, for the base of an image. */
export async function makeRootFileSystem(tar: string, signal: AbortSignal): Promise<void> {
  const root = `${tar}.root`;
  rmSync(root, { recursive: true, force: true });
  const release = machineRelease();
  const flags = ['--variant=minbase', '--include=python3'];
  const debootstrap = ['debootstrap', ...flags, release, root, await mirrorOf(release, signal)];
  await runLogged('demo-debootstrap', isolated(debootstrap), { signal, seconds: debootstrapSeconds });
  const exclude = notNeeded.map((path) => `--exclude=./${path}`);
  await capture('tar', ['--create', '--file', tar, '--numeric-owner', ...exclude, '-C', root, '.'], signal);
  rmSync(root, { recursive: true, force: true });
}
