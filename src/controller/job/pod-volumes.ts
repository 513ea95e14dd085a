import type { V1Volume } from '@kubernetes/client-node';
import { defined } from '../../api/json-values.ts';
import { temporaryVolumeName } from '../../api/names.ts';
import {
  configMapPodVolume,
  podVolume,
  secretKeyFile,
  secretPodVolume,
  temporaryPodVolume,
  workerEnvironment,
  workerPaths,
} from '../../api/run-plan.ts';
import { configMapKeysOf, secretKeysOf } from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { isKeyVolume, type Volume } from '../../api/volumes.ts';
import { emptyMount, type HostMounts, type PodMount } from './host-mounts.ts';
import type { WorkerConfig } from './worker-config.ts';

/** Everything that is mounted into the worker: the engine's socket, the volumes of the run, its Secrets. */
export function podMounts(spec: DockerRunSpec, config: WorkerConfig, hostMounts: HostMounts): PodMount[] {
  const volumes = spec.volumes ?? [];
  return [
    {
      volume: { name: 'docker-socket', hostPath: { path: config.dockerSocket, type: 'Socket' } },
      mountPath: workerPaths.dockerSocket,
      readOnly: false,
    },
    emptyMount(temporaryPodVolume, workerPaths.volume(temporaryVolumeName)),
    ...volumes.flatMap((_, index) => volumeMount(volumes, index)),
    ...(hostMounts.mounts.length > 0
      ? [podDirectory(config, 'volume-subpaths', workerPaths.podSubPaths)]
      : []),
    ...(volumes.some(({ persistentVolumeClaim: claim }) => claim !== undefined)
      ? [podDirectory(config, 'volumes', workerPaths.podVolumes)]
      : []),
    ...hostMounts.mounts,
    ...(needsSpool(spec) ? [emptyMount('spool', workerPaths.spool)] : []),
    ...secretMounts(spec),
  ];
}

/** Nothing for a host path, see hostMountsOf, and for a volume of the engine, which only the target sees. */
function volumeMount(volumes: readonly Volume[], index: number): PodMount[] {
  const volume: Volume = volumes[index] ?? { name: '' };
  const { name, bindMount, temporary, persistentVolumeClaim: claim } = volume;
  const mountPath = workerPaths.volume(name);
  if (claim !== undefined) {
    return [{ volume: claimVolume(volumes, claim.claimName), mountPath, readOnly: claim.readOnly }];
  }
  if (isKeyVolume(volume))
    return [{ volume: keyVolume(volume, podVolume(index)), mountPath, readOnly: true }];
  const isOfEngine = volume.namedVolume !== undefined;
  if (bindMount !== undefined || temporary?.hostDir !== undefined || isOfEngine) return [];
  return [emptyMount(podVolume(index), mountPath, temporary?.sizeLimit)];
}

/** The target has the directory of the kubelet itself, so a key that changes is seen in it. */
function keyVolume({ secret, configMap }: Volume, name: string): V1Volume {
  const defaultMode = 0o444;
  if (secret !== undefined) {
    const { secretName, items } = secret;
    return { name, secret: { secretName, defaultMode, ...defined({ items }) } };
  }
  const { name: mapName = '', items } = configMap ?? {};
  return { name, configMap: { name: mapName, defaultMode, ...defined({ items }) } };
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

/** A directory that the kubelet keeps for this pod: it shows where the node has mounted the pod's volumes. */
function podDirectory({ kubeletRoot }: WorkerConfig, directory: string, mountPath: string): PodMount {
  return {
    volume: { name: 'pod-volumes', hostPath: { path: `${kubeletRoot}/pods`, type: 'Directory' } },
    mountPath,
    readOnly: true,
    subPathExpr: `$(${workerEnvironment.podUid})/${directory}`,
  };
}

function needsSpool({ transforms = [], girder, forEach }: DockerRunSpec): boolean {
  return (
    girder?.log !== undefined ||
    (forEach !== undefined && forEach.log !== 'Never') ||
    transforms.some(({ connect }) => connect?.output.girderStreamToItem !== undefined)
  );
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
  const itemsOf = (keys: readonly string[]) =>
    keys.map((key, index) => ({ key, path: secretKeyFile(index) }));
  const secrets = secretKeysOf(spec).map(({ name: secretName, keys }, index) => ({
    volume: { name: secretPodVolume(index), secret: { secretName, items: itemsOf(keys), defaultMode } },
    mountPath: workerPaths.secretKeys(index),
    readOnly: true,
  }));
  const configMaps = configMapKeysOf(spec).map(({ name, keys }, index) => ({
    volume: { name: configMapPodVolume(index), configMap: { name, items: itemsOf(keys), defaultMode } },
    mountPath: workerPaths.configMapKeys(index),
    readOnly: true,
  }));
  return [...secrets, ...configMaps];
}

/** Optional, as those of a pod: an image can be public, or on the node already. */
function pullSecretMounts({ imagePullSecrets = [] }: DockerRunSpec): PodMount[] {
  return imagePullSecrets.map(({ name: secretName }, secret) => ({
    volume: { name: `pull-secret-${secret}`, secret: { secretName, defaultMode, optional: true } },
    mountPath: workerPaths.pullSecret(secret),
    readOnly: true,
  }));
}
