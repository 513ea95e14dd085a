import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';

/** A volume of the run's pod and its path in the worker; two mounts of a volume repeat it. */
export type PodMount = {
  volume: V1Volume;
  mountPath: string;
  readOnly: boolean;
  subPath?: string;
  subPathExpr?: string;
};

export function volumesOf(mounts: readonly PodMount[]): V1Volume[] {
  return [...new Map(mounts.map(({ volume }) => [volume.name, volume])).values()];
}

export function volumeMountsOf(mounts: readonly PodMount[]): V1VolumeMount[] {
  return mounts.map(({ volume, mountPath, readOnly, subPath, subPathExpr }) => ({
    name: volume.name,
    mountPath,
    ...(readOnly ? { readOnly } : {}),
    ...(subPath === undefined ? {} : { subPath }),
    ...(subPathExpr === undefined ? {} : { subPathExpr }),
  }));
}

export function emptyMount(name: string, mountPath: string, sizeLimit?: string | number): PodMount {
  const emptyDir = sizeLimit === undefined ? {} : { sizeLimit: String(sizeLimit) };
  return { volume: { name, emptyDir }, mountPath, readOnly: false };
}
