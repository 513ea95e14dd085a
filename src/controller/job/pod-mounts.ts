import type { V1Volume } from '@kubernetes/client-node';
import { temporaryVolumeName } from '../../api/names.ts';
import { podVolume, temporaryPodVolume, workerEnvironment, workerPaths } from '../../api/plan.ts';
import { hostPathAccess } from '../../policy/host-paths.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Volume } from '../../api/volumes.ts';
import type { WorkerConfig } from '../config.ts';
import type { PodMount } from './pod-mount.ts';
import { secretMounts } from './pod-secrets.ts';
import type { Policy } from '../../policy/policy.ts';

/** All that is mounted into the worker: the engine's socket, the volumes of the run, its Secrets. */
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
    // A run that only reads may still download into the volume, if the policy lets it.
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

/** One volume for all that name the claim: a pod with a claim in two volumes may never start. */
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

/** The kubelet's directory of this pod's volumes, whose names tell where the node has a claim. */
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
