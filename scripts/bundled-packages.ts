import { readFileSync } from 'node:fs';
import type { Metafile } from 'esbuild';
import { isRecord } from '../src/api/json-values.ts';

export type LockedPackage = {
  /** Relative to the project root: `node_modules/axios`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** The subresource integrity of the tarball: `sha512-…`. */
  readonly integrity: string;
};

/** Returns a lookup by folder, which throws if the lock file lacks the version, license or integrity. */
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

/** Each package once, even if npm installed the same version in several folders. */
export function distinct(packages: readonly LockedPackage[]): LockedPackage[] {
  return [...new Map(packages.map((one) => [`${one.name}@${one.version}`, one])).values()];
}

/** The sorted folders of the packages in the bundle, without those that tree shaking removed. */
export function bundledFolders({ outputs }: Metafile): string[] {
  const paths = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return [...new Set(paths.flatMap((path) => folderOf(path) ?? []))].toSorted();
}

function folderOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}
