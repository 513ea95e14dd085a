import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { temporaryDirectoryName, temporaryDirectoryOf } from '../../api/names.ts';
import {
  dockerPodVolume,
  hiddenPodVolume,
  hostDirPodVolume,
  type PlannedHostMount,
  podVolume,
  workerPaths,
} from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { type HostMount, hostMountOf, type HostPathRules } from '../../policy/host-paths.ts';

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

/** The host paths of a run in its pod, and what its worker must know of them. */
export type HostMounts = {
  readonly planned: readonly PlannedHostMount[];
  readonly mounts: readonly PodMount[];
};

type Wanted = HostMount & {
  readonly podVolume: string;
  readonly kind: 'bindMount' | 'dockerVolume' | 'temporary';
  readonly index: number;
  readonly isMounted: boolean;
  /** Where the worker has the path, or the temporary volume in it. */
  readonly mountPath: string;
};

/**
 * Mounts every host path as a subPath of a directory of the policy. The kubelet then opens the path component
 * by component, follows no link out of that directory, and keeps what it opened mounted in a place that only
 * root can change, which is what the Docker Engine gets: a link that appears later has no effect. A path that
 * the policy does not allow, as a changed one in a cleanup, is not mounted.
 */
export function hostMountsOf(
  { spec, runUid, isCleanup }: { spec: DockerRunSpec; runUid: string; isCleanup: boolean },
  rules: HostPathRules,
): HostMounts {
  const wanted = wantedOf(spec, rules);
  const bases = [...new Set(wanted.filter(({ isMounted }) => isMounted).map(({ base }) => base))];
  const mounts = wanted.flatMap((one): PodMount[] => {
    if (!one.isMounted) return [];
    const baseIndex = bases.indexOf(one.base);
    const ofBase = mountOf(one.base, '.', {
      name: `host-path-${baseIndex}`,
      mountPath: workerPaths.hostBase(baseIndex),
    });
    if (one.kind !== 'temporary') return [ofBase, ownMount(one), ...hiddenMounts(one, baseIndex)];
    // A cleanup must not create what it removes.
    return isCleanup ? [ofBase] : [ofBase, ...temporaryMounts(one, spec, runUid)];
  });
  return { planned: wanted.map((one) => plannedOf(one, bases)), mounts: distinct(mounts) };
}

type Place = {
  /** The pod's volume. */
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  /** Of the hostPath. */
  readonly type?: 'Directory' | 'DirectoryOrCreate';
};

function mountOf(base: string, rest: string, { name, mountPath, readOnly = false, type }: Place): PodMount {
  const hostPath = { path: base, ...(type === undefined ? {} : { type }) };
  // With an empty subPath, the kubelet would mount the directory with all file systems that are mounted in it.
  return { volume: { name, hostPath }, mountPath, readOnly, subPath: rest === '' ? '.' : rest };
}

function wantedOf({ volumes = [], dockerVolumes = {} }: DockerRunSpec, rules: HostPathRules): Wanted[] {
  return [
    ...volumes.flatMap(({ name, bindMount, temporary }, index): Wanted[] => {
      const path = bindMount?.hostPath ?? temporary?.hostDir;
      const mount = path === undefined ? undefined : hostMountOf(rules, path);
      if (mount === undefined) return [];
      const kind = bindMount === undefined ? 'temporary' : 'bindMount';
      const mountPath = workerPaths.volume(name);
      return [{ ...mount, kind, index, podVolume: podVolume(index), mountPath, isMounted: true }];
    }),
    ...Object.keys(dockerVolumes).flatMap((path, index): Wanted[] => {
      const mount = hostMountOf(rules, path);
      if (mount === undefined) return [];
      const mountPath = workerPaths.dockerVolume(index);
      // An entry of the policy may be a file, which the kubelet cannot mount as the subPath of itself.
      const isMounted = mount.rest !== '' || mount.isShared;
      return [
        { ...mount, kind: 'dockerVolume', index, podVolume: dockerPodVolume(index), mountPath, isMounted },
      ];
    }),
  ];
}

function ownMount({ podVolume: name, base, rest, kind, access, mountPath }: Wanted): PodMount {
  // A volume that the target only reads may still receive downloads, if the policy allows writing to it.
  const readOnly = access === 'ro' || kind === 'dockerVolume';
  return mountOf(base, rest, { name, mountPath, readOnly, type: 'Directory' });
}

/** The hostDir, which shows its file system, and the volume, which the kubelet creates. */
function temporaryMounts(
  { podVolume: name, base, rest, index, mountPath }: Wanted,
  { volumes = [] }: DockerRunSpec,
  runUid: string,
): PodMount[] {
  const own = `${temporaryDirectoryName}/${temporaryDirectoryOf(runUid, volumes[index]?.name ?? '')}`;
  const type = 'DirectoryOrCreate';
  const ofHostDir = {
    name: hostDirPodVolume(index),
    mountPath: workerPaths.hostDirectory(index),
    type,
  } as const;
  return [
    mountOf(base, rest, { ...ofHostDir, readOnly: true }),
    mountOf(base, own, { name, mountPath, type }),
  ];
}

const hides = ({ kind, rest, isShared }: Wanted) => kind !== 'temporary' && rest === '' && isShared;

/** The worker, too, must not reach the temporary volumes of others: a spec names the paths of its files. */
function hiddenMounts(one: Wanted, baseIndex: number): PodMount[] {
  if (!hides(one)) return [];
  const mountPath = workerPaths.hiddenPlace(one.podVolume);
  return [
    // Makes the kubelet create the directory, without which nothing can be mounted over it.
    mountOf(one.base, temporaryDirectoryName, { name: `host-path-${baseIndex}`, mountPath, readOnly: true }),
    { ...emptyMount(hiddenPodVolume, `${one.mountPath}/${temporaryDirectoryName}`), readOnly: true },
  ];
}

function plannedOf(one: Wanted, bases: readonly string[]): PlannedHostMount {
  const { podVolume: volume, isMounted, base, isStrict } = one;
  const baseDepth = base.split('/').filter((part) => part !== '').length;
  const baseIndex = Math.max(0, bases.indexOf(base));
  return { volume, isMounted, baseDepth, baseIndex, isStrict, hides: hides(one) };
}

/** Paths of one base share its mount. */
function distinct(mounts: readonly PodMount[]): PodMount[] {
  return [...new Map(mounts.map((mount) => [mount.mountPath, mount])).values()];
}
