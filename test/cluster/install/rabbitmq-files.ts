import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, fillOnce } from './cache.ts';

const recipe = 'rabbitmq/packages.txt';
const downloadSeconds = 600;
/** Debian's scripts name this directory, wherever they lie. */
const erlangOfDebian = '/usr/lib/erlang';

/** The directory of the unpacked packages; another release of Debian has other versions. */
export function rabbitmqFiles(): string {
  return cacheDirectory('rabbitmq', [recipe], readFileSync('/etc/os-release', 'utf8'));
}

/** Where Erlang's own programs are, `epmd` and `erl` among them. */
export function erlangPrograms(): string {
  return join(rabbitmqFiles(), erlangOfDebian, 'bin');
}

/** Where RabbitMQ's scripts are. */
export function rabbitmqPrograms(): string {
  return join(rabbitmqFiles(), 'usr', 'lib', 'rabbitmq', 'bin');
}

function packageNames(): string[] {
  const lines = readFileSync(join(layout.recipes, recipe), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

async function download(directory: string, signal: AbortSignal): Promise<void> {
  const options = { signal, seconds: downloadSeconds, cwd: directory };
  // Its own user may not write into a cache of root.
  const get = ['apt-get', '--option', 'APT::Sandbox::User=root', 'download', ...packageNames()] as const;
  try {
    await runLogged('rabbitmq-download', get, options);
  } catch {
    signal.throwIfAborted();
    // The lists may name packages that the archive has replaced since.
    await runLogged('apt-update', ['apt-get', 'update'], options);
    await runLogged('rabbitmq-download', get, options);
  }
}

/** Makes Erlang's scripts look where it was unpacked. */
function moveErlang(): void {
  const erlang = join(rabbitmqFiles(), erlangOfDebian);
  for (const name of ['erl', 'start']) {
    const path = join(erlang, 'bin', name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(erlangOfDebian, erlang));
  }
}

/** Unpacks RabbitMQ and Erlang beside the system: installed, they would start services and make a user. */
export const rabbitmqFilesStep: Step = {
  name: 'rabbitmq files',
  after: ['packages'],
  run: (signal) =>
    fillOnce(rabbitmqFiles(), async () => {
      printLine('rabbitmq files: fetching RabbitMQ and Erlang for Girder’s tasks');
      const downloads = join(rabbitmqFiles(), 'downloads');
      mkdirSync(downloads);
      await download(downloads, signal);
      for (const path of globSync(join(downloads, '*.deb'))) {
        await capture('dpkg', ['--extract', path, rabbitmqFiles()], signal);
      }
      rmSync(downloads, { recursive: true });
      moveErlang();
    }),
};
