import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';

/** A volume of the run's pod and where the worker has it; a second mount of one volume repeats it. */
export type PodMount = { volume: V1Volume; mountPath: string; readOnly: boolean; subPathExpr?: string };

/** The volumes of the mounts, each once. */
export function volumesOf(mounts: readonly PodMount[]): V1Volume[] {
  return [...new Map(mounts.map(({ volume }) => [volume.name, volume])).values()];
}

/** The mounts as the worker's container has them. */
export function volumeMountsOf(mounts: readonly PodMount[]): V1VolumeMount[] {
  return mounts.map(({ volume, mountPath, readOnly, subPathExpr }) => ({
    name: volume.name,
    mountPath,
    ...(readOnly ? { readOnly } : {}),
    ...(subPathExpr === undefined ? {} : { subPathExpr }),
  }));
}
