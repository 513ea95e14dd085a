import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Architecture } from '../node-binary.ts';

/** A package of Debian; its sum is that of the `.deb`, in hex. */
export type DebianPackage = { readonly name: string; readonly version: string; readonly sha256: string };

/** The release of the packages, whatever release this machine is. */
const release = 'bookworm';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

const updateMs = 120_000;
const downloadMs = 120_000;

/**
 * The `.deb` files of some packages, in their order, from the mirrors of this machine. Those with the right sum in
 * `scratch` are not downloaded again.
 */
export function fetchPackages(
  architecture: Architecture,
  packages: readonly DebianPackage[],
  scratch: string,
): string[] {
  const folder = join(scratch, `debian-${architecture}`);
  mkdirSync(folder, { recursive: true });
  const fileOf = ({ name }: DebianPackage) => join(folder, `${name}.deb`);
  const isThere = (one: DebianPackage) => existsSync(fileOf(one)) && sumOf(fileOf(one)) === one.sha256;
  const missing = packages.filter((one) => !isThere(one));
  if (missing.length > 0) download(architecture, missing, folder);
  for (const one of missing) {
    const [found] = globSync(`${one.name}_*.deb`, { cwd: folder });
    if (found === undefined) throw new Error(`apt-get download left no file of ${one.name} in ${folder}`);
    const sum = sumOf(join(folder, found));
    if (sum !== one.sha256)
      throw new Error(
        `${found} has the SHA-256 ${sum}, but scripts/release/base-packages.json has ${one.sha256}`,
      );
    renameSync(join(folder, found), fileOf(one));
  }
  return packages.map(fileOf);
}

/** What the mirrors of this machine have now. */
export function availablePackages(
  architecture: Architecture,
  names: readonly string[],
  scratch: string,
): DebianPackage[] {
  const folder = join(scratch, `debian-${architecture}`);
  mkdirSync(folder, { recursive: true });
  const printed = apt(architecture, folder, ['download', '--print-uris', ...names]);
  return names.map((name) => {
    const line = printed.split('\n').find((one) => one.includes(` ${name}_`));
    const [, version, sha256] = / [^_ ]+_([^_ ]+)_\S+ \d+ SHA256:([0-9a-f]{64})$/.exec(line ?? '') ?? [];
    if (version === undefined || sha256 === undefined)
      throw new Error(`apt-get gives no version and no SHA-256 of ${name} for ${architecture}: ${line}`);
    return { name, version: decodeURIComponent(version), sha256 };
  });
}

function download(architecture: Architecture, packages: readonly DebianPackage[], folder: string): void {
  const wanted = packages.map(({ name, version }) => `${name}=${version}`);
  try {
    apt(architecture, folder, ['download', ...wanted]);
  } catch (error) {
    throw new Error(
      `the mirrors of this machine do not have ${wanted.join(', ')} for ${architecture}: use a mirror that ` +
        'keeps old versions, or run make base-packages, read the difference, and commit it',
      { cause: error },
    );
  }
}

/** Lists of its own, because those of the machine are for its own architecture. Nothing is installed. */
function apt(architecture: Architecture, folder: string, command: readonly string[]): string {
  const state = resolve(folder, 'apt');
  mkdirSync(join(state, 'lists/partial'), { recursive: true });
  mkdirSync(join(state, 'cache/archives/partial'), { recursive: true });
  mkdirSync(join(state, 'none'));
  writeFileSync(join(state, 'status'), '');
  writeFileSync(join(state, 'sources.list'), sources());
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::State': state,
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': join(state, 'cache'),
    'Dir::Etc::SourceList': join(state, 'sources.list'),
    'Dir::Etc::SourceParts': join(state, 'none'),
    'Dir::Etc::PreferencesParts': join(state, 'none'),
  };
  const options = [
    '--quiet',
    ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
  ];
  const run = (args: readonly string[], timeout: number) =>
    execFileSync('apt-get', [...options, ...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  try {
    run(['update'], updateMs);
    return run(command, downloadMs);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Lines of apt's sources for the release, from the mirrors from which this machine has its own. */
function sources(): string {
  const own = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const filters = ['Created-By: Packages', 'Component: main'];
  const printed = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', ...filters],
    { encoding: 'utf8', timeout: updateMs },
  );
  const lines = printed.split('\n').flatMap((line) => {
    const [mirror, suite = ''] = line.split(' ');
    if (own === '' || !(suite === own || suite.startsWith(`${own}-`))) return [];
    return [`deb [signed-by=${keyring}] ${mirror} ${suite.replace(own, release)} main\n`];
  });
  if (lines.length === 0)
    throw new Error(
      'the base of the image is made of Debian packages, and apt has no source of Debian: use Debian',
    );
  return [...new Set(lines)].join('');
}

function sumOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
