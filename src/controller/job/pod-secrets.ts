import { secretKeyFile, workerPaths } from '../../api/plan.ts';
import { secretKeysOf } from '../../api/secret-keys.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { PodMount } from './pod-mount.ts';

/** Only the worker, which is root, reads a Secret. */
const defaultMode = 0o400;

/** The pod's volume for the Secret that is the `secret`th of secretKeysOf(spec). */
const secretPodVolume = (secret: number) => `secret-${secret}`;

/** The Secrets of a run as files of the worker: the controller itself reads none. */
export function secretMounts(spec: DockerRunSpec): PodMount[] {
  return [...girderMount(spec), ...keyMounts(spec), ...pullSecretMounts(spec)];
}

/** What a user wrote that the kubelet calls by the name of one of these volumes in its messages. */
export function secretFieldOf(podVolume: string, spec: DockerRunSpec): string | undefined {
  const index = secretKeysOf(spec).findIndex((_, secret) => secretPodVolume(secret) === podVolume);
  const name = secretKeysOf(spec)[index]?.name;
  if (name === undefined) return undefined;
  const variable = (spec.env ?? []).findIndex(({ valueFrom }) => valueFrom?.secretKeyRef.name === name);
  if (variable !== -1) return `spec.env[${variable}] (Secret ${name})`;
  if (spec.girder?.job?.tokenSecretRef.name === name)
    return `spec.girder.job.tokenSecretRef (Secret ${name})`;
  const transform = (spec.transforms ?? []).findIndex(({ connect }) =>
    connect?.output.chunkedTransferEncodingStream?.headers?.some(
      ({ valueFrom }) => valueFrom?.secretKeyRef.name === name,
    ),
  );
  return `spec.transforms[${transform}] (Secret ${name})`;
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

/** Optional, as for a pod: an image can be public, or on the node already. */
function pullSecretMounts({ imagePullSecrets = [] }: DockerRunSpec): PodMount[] {
  return imagePullSecrets.map(({ name: secretName }, secret) => ({
    volume: { name: `pull-secret-${secret}`, secret: { secretName, defaultMode, optional: true } },
    mountPath: workerPaths.pullSecret(secret),
    readOnly: true,
  }));
}
