import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockedPackages } from './bundled-packages.ts';

/** Docker's names of the supported architectures, each with npm's name. */
export const architectures = { amd64: 'x64', arm64: 'arm64' } as const;

export type Architecture = keyof typeof architectures;

const fetchTimeoutMs = 300_000;

/**
 * The folder of the pinned Node for an architecture. npm installs only that of the machine; another one is
 * downloaded into `scratch` and verified against the lock file, as npm does.
 */
export function nodeFolder(architecture: Architecture, scratch: string): string {
  const folder = `node_modules/node-linux-${architectures[architecture]}`;
  if (existsSync(join(folder, 'bin/node'))) return join(folder, 'bin');
  const { name, version, integrity } = lockedPackages()(folder);
  const target = join(scratch, `${name}-${version}`);
  if (existsSync(join(target, 'package/bin/node'))) return join(target, 'package/bin');
  mkdirSync(target, { recursive: true });
  const tarball = join(target, pack(`${name}@${version}`, target));
  const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (found !== integrity)
    throw new Error(`${name}@${version} does not match package-lock.json: ${found}, expected ${integrity}`);
  execFileSync('tar', ['--extract', '--gzip', '--file', tarball, '--directory', target, 'package/bin/node']);
  rmSync(tarball);
  return join(target, 'package/bin');
}

function pack(wanted: string, target: string): string {
  return execFileSync('npm', ['pack', '--silent', '--pack-destination', target, wanted], {
    encoding: 'utf8',
    timeout: fetchTimeoutMs,
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}
