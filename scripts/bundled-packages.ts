import { readFileSync } from 'node:fs';
import type { Metafile } from 'esbuild';
import { isRecord } from '../src/support/narrow.ts';

/** A package as package-lock.json has it. */
export type LockedPackage = {
  /** Relative to the root of the project: `node_modules/axios`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Subresource integrity of its tarball: `sha512-…`. */
  readonly integrity: string;
};

/** Every package of the lock by its folder; throws when the lock does not say all that is asked of one. */
export function lockedPackages(lockPath = 'package-lock.json'): (folder: string) => LockedPackage {
  const lock: unknown = JSON.parse(readFileSync(lockPath, 'utf8'));
  const packages = isRecord(lock) && isRecord(lock['packages']) ? lock['packages'] : {};
  return (folder) => {
    const { version, license, integrity } = isRecord(packages[folder]) ? packages[folder] : {};
    if (typeof version !== 'string' || typeof license !== 'string' || typeof integrity !== 'string')
      throw new Error(
        `${lockPath} lacks the version, license or integrity of ${folder}: run npm install and try again`,
      );
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return { folder, name, version, license, integrity };
  };
}

/** Each package once, though npm may have put the same version into several folders. */
export function distinct(packages: readonly LockedPackage[]): LockedPackage[] {
  return [...new Map(packages.map((one) => [`${one.name}@${one.version}`, one])).values()];
}

/** The folders of the packages whose code is in the bundle, in order; what was shaken off is not. */
export function bundledFolders({ outputs }: Metafile): string[] {
  const paths = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return [...new Set(paths.flatMap((path) => folderOf(path) ?? []))].toSorted();
}

function folderOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}
