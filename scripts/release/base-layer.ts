import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import locked from './base-packages.json' with { type: 'json' };
import { writeTar } from '../archive.ts';
import { type DebianPackage, fetchPackages } from './debian-packages.ts';
import type { Architecture } from '../node-binary.ts';

/** What the image needs of them: glibc, libstdc++, mkfifo and its libraries, their licences, and Debian's version. */
export const baseNames = [
  'base-files',
  'coreutils',
  'gcc-12-base',
  'libc6',
  'libgcc-s1',
  'libpcre2-8-0',
  'libselinux1',
  'libstdc++6',
];

/** Of the packages; everything else in them stays away. */
const kept = [
  /^(?:usr\/)?lib\/[^/]+-linux-gnu\/[^/]+\.so(?:\.[^/]+)?$/,
  /^(?:usr\/)?lib(?:64)?\/ld-linux[^/]*$/,
  /^usr\/bin\/mkfifo$/,
  /^(?:etc|usr\/lib)\/os-release$/,
  // Some are links to the folder of gcc-12-base.
  /^usr\/share\/doc\/[^/]+(?:\/copyright)?$/,
];

const unpackMs = 60_000;

/** Of the base of a release, by scripts/release/base-packages.json. */
export function basePackages(architecture: Architecture): DebianPackage[] {
  return baseNames.map((name) => {
    const entries: Partial<Record<string, { version: string; sha256: string }>> = locked[architecture];
    const entry = entries[name];
    if (entry === undefined)
      throw new Error(
        `scripts/release/base-packages.json lacks ${name} for ${architecture}: run make base-packages`,
      );
    return { name, ...entry };
  });
}

/**
 * Writes the base of the image of a release as a tar file and returns its path. No program of a package is run, so
 * that every machine makes it for both architectures.
 */
export function writeBaseLayer(architecture: Architecture, scratch: string): string {
  const packages = basePackages(architecture);
  const files = fetchPackages(architecture, packages, scratch);
  const folder = mkdtempSync(join(scratch, `base-${architecture}-`));
  try {
    const root = join(folder, 'root');
    mkdirSync(root);
    packages.forEach(({ name }, index) => addPackage(root, name, files[index] ?? ''));
    addAccounts(root);
    setFolderModes(root);
    const tar = join(scratch, `base-${architecture}.tar`);
    // The same until another version of a package is locked.
    writeTar(tar, { folder: root, time: 0, keepModes: true });
    return tar;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function addPackage(root: string, name: string, file: string): void {
  const unpacked = join(dirname(root), name);
  execFileSync('dpkg-deb', ['--extract', file, unpacked], { timeout: unpackMs });
  for (const entry of readdirSync(unpacked, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const path = relative(unpacked, from);
    if (entry.isDirectory() || !kept.some((pattern) => pattern.test(path))) continue;
    const to = join(root, path);
    mkdirSync(dirname(to), { recursive: true });
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else addFile(from, to);
  }
  // Scanners read here which packages an image has that was made without dpkg.
  const control = execFileSync('dpkg-deb', ['--field', file], { timeout: unpackMs });
  write(root, `var/lib/dpkg/status.d/${name}`, control);
}

function addFile(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, (statSync(from).mode & 0o100) === 0 ? 0o644 : 0o755);
}

function addAccounts(root: string): void {
  const users = 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n';
  write(root, 'etc/passwd', users);
  write(root, 'etc/group', 'root:x:0:\nnonroot:x:65532:\n');
  mkdirSync(join(root, 'tmp'));
}

function write(root: string, path: string, content: string | Buffer): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, 0o644);
}

/** Whatever the umask is. */
function setFolderModes(root: string): void {
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  chmodSync(join(root, 'tmp'), 0o1777);
}
