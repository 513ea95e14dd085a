import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  temporaryDirectoryName,
  temporaryDirectoryOf,
  temporaryVolumeName,
  temporaryVolumePath,
} from '../../api/names.ts';
import {
  dockerPodVolume,
  podVolume,
  type RunPlan,
  temporaryPodVolume,
  workerPaths,
} from '../../api/run-plan.ts';
import { directoryUseOf } from '../../api/spec-usage.ts';
import { containerPathOfVolume, isKeyVolume, mountModeOf } from '../../api/volumes.ts';
import { emptyDirectory, removeDirectory } from '../../io/remove-tree.ts';
import { deadline } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import {
  type DockerVolume,
  type DockerVolumes,
  type OpenVolumes,
  sharedMode,
  type SharedVolume,
} from '../run-environment.ts';
import { findClaims } from './claim-paths.ts';
import { dividedPath, type OpenHostPath, openHostPaths } from './open-host-paths.ts';

/** In milliseconds: a directory that was just created is empty, unless an earlier attempt was killed. */
const afterFailureMs = 30_000;

const kubeletSetting = 'the operator setting DOCKERRUN_KUBELET_ROOT';

/**
 * The volumes of a pod, each with its path on the node: emptyDirs, directories of the node, and claims.
 * @throws RunError HostPathNotVisible if a path on the node is not certain or not accessible,
 *   HostPathNotAllowed if it leads elsewhere
 */
export async function openPodVolumes(
  plan: RunPlan,
  podUid: string,
  signal: AbortSignal,
): Promise<OpenVolumes> {
  const volumesRoot = join(plan.kubeletRoot, 'pods', podUid, 'volumes');
  const emptyDirs = emptyDirsOf(plan, volumesRoot);
  for (const { localPath } of emptyDirs) await chmod(localPath, sharedMode);
  const hostPaths = await openHostPaths(plan, podUid);
  const claims = await findClaims(plan.spec, { volumesRoot, known: [...emptyDirs, ...basesOf(plan)] });
  const removes: ((within: AbortSignal) => Promise<void>)[] = [];
  const remove = async (within: AbortSignal) => {
    for (const one of removes) await one(within);
  };
  try {
    const volumes = [
      ...emptyDirs,
      ...bindMountsOf(plan, hostPaths),
      ...keyVolumesOf(plan, volumesRoot),
      ...claims.map((claim) => ({ ...claim, isInferred: !claim.readOnly, configuredBy: kubeletSetting })),
    ];
    for (const [index, { name, temporary }] of (plan.spec.volumes ?? []).entries()) {
      if (temporary?.hostDir === undefined) continue;
      removes.push((within) => removeHostDirVolume(plan, name, within));
      volumes.push(await openHostDirVolume(plan, { index, name }, hostPaths, signal));
    }
    return { volumes, dockerVolumes: dockerVolumesOf(plan, hostPaths), remove };
  } catch (error) {
    // The caller's signal may be the reason, so it cannot bound this.
    await remove(deadline(afterFailureMs)).catch(() => undefined);
    throw error;
  }
}

/** The kubelet's path of an emptyDir has not changed since Kubernetes 1.0. */
function emptyDirsOf({ spec }: RunPlan, volumesRoot: string): SharedVolume[] {
  const emptyDir = (name: string, pod: string, containerPath: string): SharedVolume => ({
    name,
    localPath: workerPaths.volume(name),
    hostPath: join(volumesRoot, 'kubernetes.io~empty-dir', pod),
    containerPath,
    readOnly: false,
    temporary: true,
    configuredBy: kubeletSetting,
  });
  return [
    emptyDir(temporaryVolumeName, temporaryPodVolume, temporaryVolumePath),
    ...(spec.volumes ?? []).flatMap((volume, index) =>
      volume.temporary === undefined || volume.temporary.hostDir !== undefined
        ? []
        : [emptyDir(volume.name, podVolume(index), containerPathOfVolume(volume))],
    ),
  ];
}

/** The kubelet's own directories of Secrets and ConfigMaps, whose paths are as old as those of emptyDirs. */
function keyVolumesOf({ spec }: RunPlan, volumesRoot: string): SharedVolume[] {
  return (spec.volumes ?? []).flatMap((volume, index): SharedVolume[] => {
    if (!isKeyVolume(volume)) return [];
    const plugin = volume.secret === undefined ? 'kubernetes.io~configmap' : 'kubernetes.io~secret';
    return [
      {
        name: volume.name,
        localPath: workerPaths.volume(volume.name),
        hostPath: join(volumesRoot, plugin, podVolume(index)),
        containerPath: containerPathOfVolume(volume),
        readOnly: true,
        temporary: false,
        isOnNode: true,
        configuredBy: kubeletSetting,
      },
    ];
  });
}

/** Directories whose path on the node is the administrator's own, so that no run can have changed it. */
function basesOf({ spec, hostMounts = [] }: RunPlan): { localPath: string; hostPath: string }[] {
  return (spec.volumes ?? []).flatMap(({ bindMount, temporary }, index) => {
    const path = bindMount?.hostPath ?? temporary?.hostDir;
    const mount = hostMounts.find(({ volume }) => volume === podVolume(index));
    if (path === undefined || mount === undefined) return [];
    const { base: hostPath } = dividedPath(path, mount.baseDepth);
    return [{ localPath: workerPaths.hostBase(mount.baseIndex), hostPath }];
  });
}

function bindMountsOf({ spec }: RunPlan, hostPaths: ReadonlyMap<string, OpenHostPath>): SharedVolume[] {
  // Two volumes of one directory need one path, by which downloads are compared.
  const sources = new Map<string, string>();
  return (spec.volumes ?? []).flatMap(({ name, bindMount }, index): SharedVolume[] => {
    if (bindMount === undefined) return [];
    const field = `spec.volumes: ${name}.bindMount.hostPath`;
    const { source, hidden, directory, isDirectory } = mountedPath(hostPaths, podVolume(index), field);
    const user = isDirectory ? undefined : directoryUseOf(spec, name);
    if (user !== undefined)
      throw new RunError(
        'HostPathNotVisible',
        `${field}: ${bindMount.hostPath} is a file, but ${user} needs a directory`,
      );
    const hostPath = sources.get(directory) ?? source;
    sources.set(directory, hostPath);
    return [
      {
        name,
        localPath: workerPaths.volume(name),
        hostPath,
        containerPath: bindMount.containerPath,
        ...mountModeOf(bindMount.mode),
        temporary: false,
        isOnNode: true,
        hidden,
        configuredBy: kubeletSetting,
      },
    ];
  });
}

function dockerVolumesOf(
  { spec, hostMounts = [] }: RunPlan,
  hostPaths: ReadonlyMap<string, OpenHostPath>,
): DockerVolumes {
  const volumes = new Map<string, DockerVolume>();
  for (const [index, path] of Object.keys(spec.dockerVolumes ?? {}).entries()) {
    const volume = dockerPodVolume(index);
    const planned = hostMounts.find((mount) => mount.volume === volume);
    // The path of an entry of the policy is the administrator's own: no run can put a link there.
    if (planned?.isMounted === false) volumes.set(path, { source: path });
    else {
      const { source, hidden } = mountedPath(hostPaths, volume, 'spec.dockerVolumes');
      volumes.set(path, { source, hidden, localPath: workerPaths.dockerVolume(index) });
    }
  }
  return volumes;
}

function mountedPath(
  hostPaths: ReadonlyMap<string, OpenHostPath>,
  volume: string,
  field: string,
): OpenHostPath {
  const open = hostPaths.get(volume);
  if (open !== undefined) return open;
  throw new RunError('HostPathNotAllowed', `${field}: the pod has no mount for it`);
}

/**
 * Removes what an attempt left of a temporary volume in a directory of the node, if anything.
 * @throws if the directory remains
 */
export async function removeHostDirVolume(
  { spec, run, hostMounts = [] }: RunPlan,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const index = (spec.volumes ?? []).findIndex((volume) => volume.name === name);
  const mount = hostMounts.find(({ volume }) => volume === podVolume(index));
  if (mount === undefined) throw new Error('the policy does not allow its directory on the node any more');
  const path = `${temporaryDirectoryName}/${temporaryDirectoryOf(run.uid, name)}`;
  await removeDirectory(workerPaths.hostBase(mount.baseIndex), path, signal);
}

/**
 * A temporary volume in a directory of the node, which only the worker or a cleanup deletes. The kubelet has
 * created and mounted it, so nothing can be put in its place.
 * @throws RunError HostPathNotVisible if the node does not allow it, HostPathNotAllowed on another file system
 */
async function openHostDirVolume(
  plan: RunPlan,
  { index, name }: { index: number; name: string },
  hostPaths: ReadonlyMap<string, OpenHostPath>,
  signal: AbortSignal,
): Promise<SharedVolume> {
  const localPath = workerPaths.volume(name);
  const field = `spec.volumes: ${name}.temporary.hostDir`;
  const volume = plan.spec.volumes?.[index] ?? { name };
  const hostDir = volume.temporary?.hostDir ?? '';
  const { source } = mountedPath(hostPaths, podVolume(index), field);
  try {
    const [own, wanted] = await Promise.all([stat(localPath), stat(workerPaths.hostDirectory(index))]);
    if (own.dev !== wanted.dev) {
      const mount = plan.hostMounts?.find(({ volume }) => volume === podVolume(index));
      const { base } = dividedPath(hostDir, mount?.baseDepth ?? 0);
      throw new RunError(
        'HostPathNotAllowed',
        `${field}: ${hostDir} is on another file system than ${base}, where the policy puts temporary volumes; it needs an entry of its own that is not inside of a writable one`,
      );
    }
    await emptyDirectory(localPath, signal);
    await chmod(localPath, sharedMode);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunError) throw error;
    const problem = `${field}: cannot create a directory in ${hostDir} on the node: ${describe(error)}`;
    throw new RunError('HostPathNotVisible', problem, { cause: error });
  }
  return {
    name,
    localPath,
    hostPath: source,
    containerPath: containerPathOfVolume(volume),
    readOnly: false,
    temporary: true,
    isOnNode: true,
    configuredBy: kubeletSetting,
  };
}
