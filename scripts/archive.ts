import { execFileSync } from 'node:child_process';

/** Of one archive in memory: the layer of Node has 127 MB. */
const largest = 1 << 30;
const timeoutMs = 300_000;

export type Archive = {
  readonly folder: string;
  /** The path that replaces `.`, the folder itself; without it, paths begin with `./`. */
  readonly prefix?: string;
  /** Unix seconds. */
  readonly time: number;
  /** Relative to the folder: `./schemas`. */
  readonly exclude?: readonly string[];
  /** Keeps the modes that the folder has. Otherwise they are 0755 and 0644. */
  readonly keepModes?: boolean;
};

/**
 * Writes a folder as a tar file. Owners, modes, times and order are fixed, so that the same files result in the same
 * bytes on every machine.
 */
export function writeTar(file: string, archive: Archive): void {
  execFileSync('tar', ['--create', `--file=${file}`, ...options(archive)], { timeout: timeoutMs });
}

/** The bytes of a folder as a `.tgz`. */
export function tarball(archive: Archive): Buffer {
  const tar = execFileSync('tar', ['--create', ...options(archive)], {
    maxBuffer: largest,
    timeout: timeoutMs,
  });
  return gzip(tar);
}

/**
 * By GNU gzip, whose output for the same bytes has not changed for years. That of zlib depends on the processor and on
 * the version of Node.
 */
export function gzip(content: Buffer): Buffer {
  return execFileSync('gzip', ['--no-name'], { input: content, maxBuffer: largest, timeout: timeoutMs });
}

function options({ folder, prefix, time, exclude = [], keepModes = false }: Archive): string[] {
  return [
    '--format=ustar',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    ...(keepModes ? [] : ['--mode=u=rwX,go=rX']),
    `--mtime=@${time}`,
    ...exclude.map((path) => `--exclude=${path}`),
    ...(prefix === undefined ? [] : [`--transform=flags=rSh;s,^\\.,${prefix},`]),
    `--directory=${folder}`,
    '.',
  ];
}
