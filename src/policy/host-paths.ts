import { placeOf } from '../api/places.ts';
import { type HostPathRules, hostPathAccess } from './host-path-access.ts';
import { resultUploadsOf } from '../api/result-uploads.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';

/** The refusal of the first host path that the policy does not allow, or not to write. */
export function refusedHostPath(spec: DockerRunSpec, policy: HostPathRules): RunError | undefined {
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
  const places = (spec.transforms ?? []).flatMap((transform) => placeOf(transform) ?? []);
  const written = new Set([
    ...places.filter(({ kind }) => kind !== 'path').map(({ volume }) => volume),
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
