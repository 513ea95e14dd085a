import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namedTemporaryVolumePath, temporaryVolumeName, temporaryVolumePath } from '../../api/names.ts';
import { podVolume, type RunPlan, temporaryPodVolume, workerPaths } from '../../api/run-plan.ts';
import { removeDirectory } from '../../io/remove-tree.ts';
import { describe, RunError } from '../../support/errors.ts';
import { type OpenVolumes, sharedMode, type SharedVolume } from '../run-environment.ts';
import { findClaims } from './claim-paths.ts';

const kubeletSetting = 'the operator setting DOCKERRUN_KUBELET_ROOT';

/**
 * The volumes of a pod, each with its path on the node: emptyDirs, directories of the node, and claims.
 * @throws RunError HostPathNotVisible if a path on the node is not certain or not accessible
 */
export async function openPodVolumes(
  plan: RunPlan,
  podUid: string,
  signal: AbortSignal,
): Promise<OpenVolumes> {
  const volumesRoot = join(plan.kubeletRoot, 'pods', podUid, 'volumes');
  const direct = directVolumes(plan, volumesRoot);
  for (const { localPath, temporary } of direct) if (temporary) await chmod(localPath, sharedMode);
  const claims = await findClaims(plan.spec, { volumesRoot, known: direct });
  const removes: (() => Promise<void>)[] = [];
  const remove = async () => {
    for (const one of removes.splice(0)) await one();
  };
  try {
    const volumes = [
      ...direct,
      ...claims.map((claim) => ({ ...claim, isInferred: !claim.readOnly, configuredBy: kubeletSetting })),
    ];
    for (const { name, temporary } of plan.spec.volumes ?? []) {
      if (temporary?.hostDir === undefined) continue;
      const options = { name, hostDir: temporary.hostDir, runUid: plan.run.uid };
      const made = await openHostDirVolume(options, signal);
      removes.push(made.remove);
      volumes.push(made.volume);
    }
    return { volumes, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The volumes whose path on the node follows from the spec alone: emptyDirs and bind mounts. */
function directVolumes({ spec }: RunPlan, volumesRoot: string): SharedVolume[] {
  const emptyDir = (name: string, pod: string, containerPath: string): SharedVolume => ({
    name,
    localPath: workerPaths.volume(name),
    // The kubelet's path of an emptyDir, unchanged since Kubernetes 1.0.
    hostPath: join(volumesRoot, 'kubernetes.io~empty-dir', pod),
    containerPath,
    readOnly: false,
    temporary: true,
    configuredBy: kubeletSetting,
  });
  const declared = (spec.volumes ?? []).flatMap(({ name, bindMount, temporary }, index): SharedVolume[] => {
    if (temporary !== undefined && temporary.hostDir === undefined) {
      return [emptyDir(name, podVolume(index), namedTemporaryVolumePath(name))];
    }
    if (bindMount === undefined) return [];
    const { hostPath, containerPath, mode } = bindMount;
    return [
      {
        name,
        localPath: workerPaths.volume(name),
        hostPath,
        containerPath,
        readOnly: mode === 'ro',
        temporary: false,
        configuredBy: `spec.volumes: ${name}.bindMount.hostPath`,
      },
    ];
  });
  return [emptyDir(temporaryVolumeName, temporaryPodVolume, temporaryVolumePath), ...declared];
}

/** A temporary volume in a directory of the node, which only the worker or a cleanup deletes. */
type HostDirVolume = { volume: SharedVolume; remove: () => Promise<void> };

/** Named by the run, so that another attempt or a cleanup finds what a killed worker left. */
const directoryOf = (runUid: string, name: string) => `dockerrun-${runUid}-${name}`;

/** Removes what an earlier attempt left of the volume, if anything. */
export async function removeHostDirVolume(
  { name, runUid }: { name: string; runUid: string },
  signal: AbortSignal,
): Promise<void> {
  await removeDirectory(workerPaths.volume(name), directoryOf(runUid, name), signal);
}

/**
 * Creates the volume as a subdirectory of `hostDir`, which is mounted into the pod.
 * @throws RunError HostPathNotVisible if the node does not allow it
 */
async function openHostDirVolume(
  { name, hostDir, runUid }: { name: string; hostDir: string; runUid: string },
  signal: AbortSignal,
): Promise<HostDirVolume> {
  const parent = workerPaths.volume(name);
  const directory = directoryOf(runUid, name);
  const localPath = join(parent, directory);
  const configuredBy = `spec.volumes: ${name}.temporary.hostDir`;
  try {
    await removeHostDirVolume({ name, runUid }, signal);
    await mkdir(localPath);
    await chmod(localPath, sharedMode);
  } catch (error) {
    signal.throwIfAborted();
    const problem = `${configuredBy}: cannot create a directory in ${hostDir} on the node: ${describe(error)}`;
    throw new RunError('HostPathNotVisible', problem, { cause: error });
  }
  return {
    volume: {
      name,
      localPath,
      hostPath: join(hostDir, directory),
      containerPath: namedTemporaryVolumePath(name),
      readOnly: false,
      temporary: true,
      configuredBy,
    },
    remove: () => removeDirectory(parent, directory),
  };
}
