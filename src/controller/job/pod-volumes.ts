import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { temporaryVolumeName } from '../../api/names.ts';
import {
  podVolume,
  secretKeyFile,
  secretPodVolume,
  temporaryPodVolume,
  workerEnvironment,
  workerPaths,
} from '../../api/run-plan.ts';
import { secretKeysOf } from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Volume } from '../../api/volumes.ts';
import { hostPathAccess } from '../../policy/host-paths.ts';
import type { Policy } from '../../policy/policy.ts';
import type { WorkerConfig } from './worker-config.ts';

/** Everything that is mounted into the worker: the engine's socket, the volumes of the run, its Secrets. */
export function podMounts(spec: DockerRunSpec, config: WorkerConfig, policy: Policy): PodMount[] {
  const volumes = spec.volumes ?? [];
  return [
    {
      volume: { name: 'docker-socket', hostPath: { path: config.dockerSocket, type: 'Socket' } },
      mountPath: workerPaths.dockerSocket,
      readOnly: false,
    },
    emptyMount(temporaryPodVolume, workerPaths.volume(temporaryVolumeName)),
    ...volumes.map((_, index) => volumeMount(volumes, index, policy)),
    ...(volumes.some(({ persistentVolumeClaim: claim }) => claim !== undefined) ? [podVolumes(config)] : []),
    ...(needsSpool(spec) ? [emptyMount('spool', workerPaths.spool)] : []),
    ...secretMounts(spec),
  ];
}

function volumeMount(volumes: readonly Volume[], index: number, policy: Policy): PodMount {
  const { name, bindMount, temporary, persistentVolumeClaim: claim } = volumes[index] ?? { name: '' };
  const mountPath = workerPaths.volume(name);
  if (bindMount !== undefined) {
    const hostPath = { path: bindMount.hostPath, type: 'Directory' };
    // A volume that the target only reads may still receive downloads, if the policy allows writing to it.
    const readOnly = hostPathAccess(policy, bindMount.hostPath) !== 'rw';
    return { volume: { name: podVolume(index), hostPath }, mountPath, readOnly };
  }
  if (claim !== undefined) {
    return { volume: claimVolume(volumes, claim.claimName), mountPath, readOnly: claim.readOnly };
  }
  if (temporary?.hostDir !== undefined) {
    const hostPath = { path: temporary.hostDir, type: 'DirectoryOrCreate' };
    return { volume: { name: podVolume(index), hostPath }, mountPath, readOnly: false };
  }
  return emptyMount(podVolume(index), mountPath, temporary?.sizeLimit);
}

/** One volume for all mounts of a claim, because a pod with the same claim in two volumes may never start. */
function claimVolume(volumes: readonly Volume[], claimName: string): V1Volume {
  const claims = volumes.map(({ persistentVolumeClaim: claim }) =>
    claim?.claimName === claimName ? claim : undefined,
  );
  const readOnly = claims.every((claim) => claim?.readOnly ?? true);
  const first = claims.findIndex((claim) => claim !== undefined);
  return { name: podVolume(first), persistentVolumeClaim: { claimName, readOnly } };
}

function emptyMount(name: string, mountPath: string, sizeLimit?: string | number): PodMount {
  const emptyDir = sizeLimit === undefined ? {} : { sizeLimit: String(sizeLimit) };
  return { volume: { name, emptyDir }, mountPath, readOnly: false };
}

/** The kubelet's directory of this pod's volumes; its entries show where the node has mounted a claim. */
function podVolumes({ kubeletRoot }: WorkerConfig): PodMount {
  return {
    volume: { name: 'pod-volumes', hostPath: { path: `${kubeletRoot}/pods`, type: 'Directory' } },
    mountPath: workerPaths.podVolumes,
    readOnly: true,
    subPathExpr: `$(${workerEnvironment.podUid})/volumes`,
  };
}

function needsSpool({ transforms = [] }: DockerRunSpec): boolean {
  return transforms.some(({ connect }) => connect?.output.girderStreamToItem !== undefined);
}

/** A volume of the run's pod and its path in the worker; two mounts of a volume repeat it. */
export type PodMount = { volume: V1Volume; mountPath: string; readOnly: boolean; subPathExpr?: string };

export function volumesOf(mounts: readonly PodMount[]): V1Volume[] {
  return [...new Map(mounts.map(({ volume }) => [volume.name, volume])).values()];
}

export function volumeMountsOf(mounts: readonly PodMount[]): V1VolumeMount[] {
  return mounts.map(({ volume, mountPath, readOnly, subPathExpr }) => ({
    name: volume.name,
    mountPath,
    ...(readOnly ? { readOnly } : {}),
    ...(subPathExpr === undefined ? {} : { subPathExpr }),
  }));
}

/** Readable by root alone, as which the worker runs. */
const defaultMode = 0o400;

/** The Secrets of a run as files for the worker; the controller itself reads no Secret. */
export function secretMounts(spec: DockerRunSpec): PodMount[] {
  return [...girderMount(spec), ...keyMounts(spec), ...pullSecretMounts(spec)];
}

function girderMount({ girder }: DockerRunSpec): PodMount[] {
  const secretName = girder?.credentialsSecretRef?.name;
  if (secretName === undefined) return [];
  const volume = { name: 'girder-credentials', secret: { secretName, defaultMode } };
  return [{ volume, mountPath: workerPaths.girderSecret, readOnly: true }];
}

function keyMounts(spec: DockerRunSpec): PodMount[] {
  return secretKeysOf(spec).map(({ name: secretName, keys }, secret) => {
    const items = keys.map((key, index) => ({ key, path: secretKeyFile(index) }));
    return {
      volume: { name: secretPodVolume(secret), secret: { secretName, items, defaultMode } },
      mountPath: workerPaths.secretKeys(secret),
      readOnly: true,
    };
  });
}

/** Optional, as those of a pod: an image can be public, or on the node already. */
function pullSecretMounts({ imagePullSecrets = [] }: DockerRunSpec): PodMount[] {
  return imagePullSecrets.map(({ name: secretName }, secret) => ({
    volume: { name: `pull-secret-${secret}`, secret: { secretName, defaultMode, optional: true } },
    mountPath: workerPaths.pullSecret(secret),
    readOnly: true,
  }));
}
