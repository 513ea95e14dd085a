import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from '../command.ts';
import { machineRelease, mirrorOf } from '../install/debian-archive.ts';

const updateSeconds = 300;
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A line of apt's sources for another release of Debian, from the mirror that this machine uses. */
export async function sourceLine(suite: string, signal: AbortSignal): Promise<string> {
  return `deb [signed-by=${keyring}] ${await mirrorOf(machineRelease(), signal)} ${suite} main`;
}

/** Unstable's list may have expired by this machine's clock; signatures count all the same. */
export const anyDate = 'Acquire::Check-Valid-Until "false"';

/** Fetches the package lists of another release into a directory; gives the options with which apt uses them. */
export async function prepareApt(suite: string, directory: string, signal: AbortSignal): Promise<string[]> {
  const lists = join(directory, 'lists');
  const cache = join(directory, 'cache');
  const sources = join(directory, 'sources.list');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  writeFileSync(sources, `${await sourceLine(suite, signal)}\n`);
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    `Dir::Etc::SourceParts=${join(directory, 'none')}`,
    `Dir::Etc::PreferencesParts=${join(directory, 'none')}`,
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${cache}`,
    'APT::Sandbox::User=root',
    'Acquire::Check-Valid-Until=false',
  ].flatMap((option) => ['--option', option]);
  mkdirSync(join(directory, 'none'), { recursive: true });
  await runLogged('node-apt-update', ['apt-get', ...options, 'update'], { signal, seconds: updateSeconds });
  return options;
}
