import { resultUploadsOf } from '../api/result-uploads.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { Transform } from '../api/transforms.ts';
import { RunError } from '../support/errors.ts';

type HostPathPolicy = {
  readonly hostPaths?: readonly { readonly pathPrefix: string; readonly readOnly?: boolean }[];
};

/** How a host path may be used under a policy. */
export function hostPathAccess(policy: HostPathPolicy, path: string): 'rw' | 'ro' | 'none' {
  const matching = (policy.hostPaths ?? []).filter(({ pathPrefix }) => isWithin(path, pathPrefix));
  if (matching.length === 0) return 'none';
  return matching.some(({ readOnly }) => readOnly !== true) ? 'rw' : 'ro';
}

function isWithin(path: string, prefix: string): boolean {
  const parts = (text: string) => text.split('/').filter((part) => part !== '');
  const wanted = parts(path);
  return !wanted.includes('..') && parts(prefix).every((part, index) => wanted[index] === part);
}

/** The refusal of the first host path that the policy does not allow, or not to write. */
export function refusedHostPath(spec: DockerRunSpec, policy: HostPathPolicy): RunError | undefined {
  for (const { field, path, writes } of hostPathUses(spec)) {
    const access = hostPathAccess(policy, path);
    if (access === 'none') return refusal(`${field}: the policy allows no access to ${path} on the nodes`);
    if (access === 'ro' && writes) {
      return refusal(`${field}: the policy allows to read ${path} but not to write it`);
    }
  }
  return undefined;
}

function refusal(message: string): RunError {
  return new RunError('HostPathNotAllowed', message);
}

type HostPathUse = { readonly field: string; readonly path: string; readonly writes: boolean };

function hostPathUses(spec: DockerRunSpec): HostPathUse[] {
  const emptied = resultUploadsOf(spec).filter(({ upload }) => upload.deleteFile);
  const written = new Set([
    ...(spec.transforms ?? []).flatMap(writtenVolumes),
    ...emptied.map(({ volume }) => volume),
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

/** The volumes into which the worker itself writes for a transform: downloads and pipes. */
function writtenVolumes(transform: Transform): (string | undefined)[] {
  return [
    transform.girderFileIdToVolume,
    transform.girderItemIdToVolume,
    transform.girderFolderIdToVolume,
    transform.progressPipe,
    transform.namedInputPipe,
    transform.namedOutputPipe,
    transform.connect?.input.namedOutputPipe,
    transform.connect?.output.namedInputPipe,
  ].map((place) => place?.volume);
}
