import { pathOf, resultUploadsOf } from '../api/spec-usage.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { temporaryDirectoryName } from '../api/names.ts';
import { mountModeOf } from '../api/volumes.ts';
import { RunError } from '../support/errors.ts';
import type { Allowances } from './policy-schema.ts';

type HostPathEntry = Readonly<NonNullable<Allowances['hostPaths']>[number]>;

export type HostPathRules = {
  readonly hostPaths?: readonly HostPathEntry[];
  /** The directories that the runs of any namespace may write to, also those that this one may not use. */
  readonly writableRoots?: readonly string[];
};

/** The refusal of the first host path to which the policy does not allow the access that the run needs. */
export function refusedHostPath(spec: DockerRunSpec, policy: HostPathRules): RunError | undefined {
  for (const { field, path, writes, isWhole } of hostPathUses(spec)) {
    const access = hostPathAccess(policy, path);
    if (access === 'none')
      return refusal(`${field}: the policy does not allow access to ${path} on the nodes`);
    if (access === 'ro' && writes) {
      return refusal(
        `${field}: the policy allows only read access to ${path} on the nodes, but the run writes to it`,
      );
    }
    const readOnly = writes && isWhole ? readOnlyWithin(policy, path) : undefined;
    if (readOnly !== undefined) {
      return refusal(
        `${field}: the policy allows only read access to ${readOnly}, which is inside of ${path}, but the run writes to the whole of ${path}; use a directory without it`,
      );
    }
    if (path.split('/').includes(temporaryDirectoryName)) {
      return refusal(
        `${field}: ${path} is inside of ${temporaryDirectoryName}, which holds temporary volumes`,
      );
    }
  }
  return undefined;
}

function refusal(message: string): RunError {
  return new RunError('HostPathNotAllowed', message);
}

type Access = 'rw' | 'ro' | 'none';

/**
 * The most specific entry decides, and of several entries for one directory the most permissive. A directory
 * is not writable as a whole while an entry below it is only readable.
 */
export function hostPathAccess({ hostPaths = [] }: HostPathRules, path: string): Access {
  const matching = hostPaths.filter(({ pathPrefix }) => isWithin(path, pathPrefix));
  const longest = Math.max(...matching.map(({ pathPrefix }) => normalizedPath(pathPrefix).length));
  const deciding = matching.filter(({ pathPrefix }) => normalizedPath(pathPrefix).length === longest);
  if (deciding.length === 0) return 'none';
  return deciding.some(({ readOnly }) => readOnly !== true) ? 'rw' : 'ro';
}

/** The first entry inside of a directory that is only readable, although the directory is writable. */
function readOnlyWithin(rules: HostPathRules, path: string): string | undefined {
  const isInside = ({ pathPrefix }: HostPathEntry) =>
    isWithin(pathPrefix, path) && normalizedPath(pathPrefix) !== normalizedPath(path);
  return rules.hostPaths?.find((entry) => isInside(entry) && hostPathAccess(rules, entry.pathPrefix) === 'ro')
    ?.pathPrefix;
}

/**
 * Combines two lists, of which each may only add permissions: an entry that is only readable has no effect
 * inside of a directory that the other list makes writable.
 */
export function combinedHostPaths(
  one: readonly HostPathEntry[],
  other: readonly HostPathEntry[],
): HostPathEntry[] {
  return [...withoutRestrictionsIn(one, other), ...withoutRestrictionsIn(other, one)];
}

function withoutRestrictionsIn(
  list: readonly HostPathEntry[],
  other: readonly HostPathEntry[],
): HostPathEntry[] {
  return list.filter(
    ({ pathPrefix, readOnly }) =>
      readOnly !== true || hostPathAccess({ hostPaths: other }, pathPrefix) !== 'rw',
  );
}

/** The directories that the runs of some namespace may write to. */
export function writableRoots(lists: readonly (readonly HostPathEntry[] | undefined)[]): string[] {
  const writable = lists.flatMap((list = []) => list.filter(({ readOnly }) => readOnly !== true));
  return [...new Set(writable.map(({ pathPrefix }) => pathPrefix))];
}

/** How a host path gets into a pod. */
export type HostMount = {
  /**
   * The directory of an entry of the policy; no run can replace it, or a directory above it, by a link. It
   * contains every directory of the policy around the path that the runs of some namespace may write to.
   */
  readonly base: string;
  /** The path relative to `base`, without empty components; empty for `base` itself. */
  readonly rest: string;
  readonly access: 'rw' | 'ro';
  /** Whether a link inside of `base` could lead to what the run may not use in this way. */
  readonly isStrict: boolean;
  /** Whether temporary volumes of other runs can be in `base`. */
  readonly isShared: boolean;
};

/** Undefined for a path that the policy does not allow. */
export function hostMountOf(rules: HostPathRules, path: string): HostMount | undefined {
  const access = hostPathAccess(rules, path);
  if (access === 'none') return undefined;
  const around = (prefix: string) => isWithin(path, prefix);
  const shared = [...(rules.writableRoots ?? []), ...writableRoots([rules.hostPaths])].filter(around);
  const own = (rules.hostPaths ?? []).map(({ pathPrefix }) => pathPrefix).filter(around);
  const outermost = (prefixes: string[]) =>
    prefixes.toSorted((a, b) => normalizedPath(a).length - normalizedPath(b).length)[0];
  const base = normalizedPath(outermost(shared) ?? outermost(own) ?? path);
  const ofBase = hostPathAccess(rules, `/${base}`);
  const isOpen =
    access === 'ro' ? ofBase !== 'none' : ofBase === 'rw' && readOnlyWithin(rules, `/${base}`) === undefined;
  return {
    base: `/${base}`.replace(/(.)\/$/, '$1'),
    rest: normalizedPath(path).slice(base.length).replace(/\/$/, ''),
    access,
    isStrict: !isOpen,
    isShared: shared.length > 0,
  };
}

/** Compares whole components. A path with `..` is within no prefix. */
function isWithin(path: string, prefix: string): boolean {
  const plain = normalizedPath(path);
  return plain.startsWith(normalizedPath(prefix)) && !`/${plain}`.includes('/../');
}

/** `/srv//data` and `/srv/./data` become `srv/data/`, and the root becomes an empty text. */
function normalizedPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.map((part) => `${part}/`).join('');
}

/** Relabeling a directory changes it, even if the target only reads it. */
function changes(mode: Parameters<typeof mountModeOf>[0]): boolean {
  const { readOnly, relabel } = mountModeOf(mode);
  return !readOnly || relabel !== undefined;
}

type HostPathUse = {
  readonly field: string;
  readonly path: string;
  readonly writes: boolean;
  /** Whether the run has everything in the directory; a temporary volume is a directory of its own. */
  readonly isWhole: boolean;
};

/** A read-only mount is written to as well by downloads, by pipes and by hooks with `deleteFile`. */
function hostPathUses(spec: DockerRunSpec): HostPathUse[] {
  const deleting = resultUploadsOf(spec).filter(({ upload }) => upload.deleteFile);
  const paths = (spec.transforms ?? []).flatMap((transform) => pathOf(transform) ?? []);
  const written = new Set([
    ...paths.filter(({ kind }) => kind !== 'path').map(({ volume }) => volume),
    ...deleting.map(({ volume }) => volume),
  ]);
  return [
    ...(spec.volumes ?? []).flatMap(({ name, bindMount, temporary }): HostPathUse[] => {
      const field = `spec.volumes: ${name}`;
      if (temporary?.hostDir !== undefined)
        return [{ field, path: temporary.hostDir, writes: true, isWhole: false }];
      if (bindMount === undefined) return [];
      const writes = changes(bindMount.mode) || written.has(name);
      return [{ field, path: bindMount.hostPath, writes, isWhole: true }];
    }),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([path, { mode }]) => ({
      field: 'spec.dockerVolumes',
      path,
      writes: changes(mode),
      isWhole: true,
    })),
  ];
}
