import { readFileSync, rmSync } from 'node:fs';
import { capture, runLogged } from '../../test/cluster/command.ts';

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

/** In namespaces of its own, so that no mount or process remains on the machine, however it ends. */
const isolated = ['unshare', '--mount', '--pid', '--fork', '--kill-child'];

/** unshare itself blocks SIGTERM while its child runs. */
const killable = '"$@" & trap "kill -KILL $!" TERM; wait $!';

/** The codename of this machine's Debian or Ubuntu release, such as bookworm. */
export function machineRelease(): string {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined) {
    throw new Error('/etc/os-release has no VERSION_CODENAME: run the demo on a released Debian or Ubuntu');
  }
  return codename;
}

/** Creates a tar of this machine's own release with Python, for the base of an image. */
export async function makeRootFileSystem(tar: string, signal: AbortSignal): Promise<void> {
  const root = `${tar}.root`;
  rmSync(root, { recursive: true, force: true });
  const release = machineRelease();
  const flags = ['--variant=minbase', '--include=python3'];
  const debootstrap = ['debootstrap', ...flags, release, root, await mirrorOf(release, signal)];
  const commandLine = ['sh', '-c', killable, 'sh', ...isolated, ...debootstrap] as const;
  await runLogged('demo-debootstrap', commandLine, { signal, seconds: debootstrapSeconds });
  const exclude = notNeeded.map((path) => `--exclude=./${path}`);
  await capture('tar', ['--create', '--file', tar, '--numeric-owner', ...exclude, '-C', root, '.'], signal);
  rmSync(root, { recursive: true, force: true });
}

/** The mirror from which this machine's apt gets the release. */
async function mirrorOf(release: string, signal: AbortSignal): Promise<string> {
  const format = '$(REPO_URI) $(RELEASE) $(CODENAME)';
  const filters = ['Created-By: Packages', 'Component: main'];
  const lines = await capture('apt-get', ['indextargets', '--format', format, ...filters], signal);
  for (const line of lines.split('\n')) {
    const [uri, ...names] = line.split(' ');
    if (uri !== undefined && names.includes(release)) return uri;
  }
  throw new Error(
    `apt has no source for ${release}: add one to /etc/apt/sources.list.d and run apt-get update`,
  );
}
