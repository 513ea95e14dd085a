import { pathOf, resultUploadsOf } from '../api/spec-usage.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import type { Allowances } from './policy-schema.ts';

/** The refusal of the first host path to which the policy does not allow the access that the run needs. */
export function refusedHostPath(spec: DockerRunSpec, policy: Allowances): RunError | undefined {
  for (const { field, path, writes } of hostPathUses(spec)) {
    const access = hostPathAccess(policy, path);
    if (access === 'none')
      return refusal(`${field}: the policy does not allow access to ${path} on the nodes`);
    if (access === 'ro' && writes) {
      return refusal(
        `${field}: the policy allows only read access to ${path} on the nodes, but the run writes to it`,
      );
    }
  }
  return undefined;
}

function refusal(message: string): RunError {
  return new RunError('HostPathNotAllowed', message);
}

/** The most permissive of all matching entries wins. */
export function hostPathAccess({ hostPaths = [] }: Allowances, path: string): 'rw' | 'ro' | 'none' {
  const matching = hostPaths.filter(({ pathPrefix }) => isWithin(path, pathPrefix));
  if (matching.length === 0) return 'none';
  return matching.some(({ readOnly }) => readOnly !== true) ? 'rw' : 'ro';
}

/** Compares whole components. A path with `..` is within no prefix. */
function isWithin(path: string, prefix: string): boolean {
  const plain = normalizedPath(path);
  return plain.startsWith(normalizedPath(prefix)) && !`/${plain}`.includes('/../');
}

/** `/srv//data` becomes `srv/data/`, and the root becomes an empty text. */
function normalizedPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((part) => `${part}/`).join('');
}

type HostPathUse = { readonly field: string; readonly path: string; readonly writes: boolean };

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
      if (temporary?.hostDir !== undefined) return [{ field, path: temporary.hostDir, writes: true }];
      if (bindMount === undefined) return [];
      return [{ field, path: bindMount.hostPath, writes: bindMount.mode === 'rw' || written.has(name) }];
    }),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([path, { mode }]) => ({
      field: 'spec.dockerVolumes',
      path,
      writes: mode === 'rw',
    })),
  ];
}
