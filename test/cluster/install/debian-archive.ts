import { readFileSync } from 'node:fs';
import { capture } from '../command.ts';

/** The codename of this machine's Debian or Ubuntu release, such as bookworm. */
export function machineRelease(): string {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined) {
    throw new Error('/etc/os-release has no VERSION_CODENAME: use a released Debian or Ubuntu');
  }
  return codename;
}

/** The mirror from which this machine's apt gets the release. */
export async function mirrorOf(release: string, signal: AbortSignal): Promise<string> {
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

/** unshare itself blocks SIGTERM while its child runs. */
const killable = '"$@" & trap "kill -KILL $!" TERM; wait $!';

/** The command line in namespaces of its own, so that no mount or process remains on the machine, however it ends. */
export function isolated(commandLine: readonly string[]): readonly [string, ...string[]] {
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child'];
  return ['sh', '-c', killable, 'sh', ...namespaces, ...commandLine];
}
