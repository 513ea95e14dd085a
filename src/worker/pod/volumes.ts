import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { namedTemporaryVolumePath, temporaryVolumeName, temporaryVolumePath } from '../../api/names.ts';
import { podVolume, type RunPlan, temporaryPodVolume, workerPaths } from '../../api/plan.ts';
import { findClaims } from './find-claims.ts';
import { openHostDirVolume } from './host-dir.ts';
import type { OpenVolumes, SharedVolume } from '../run-environment.ts';
import { sharedMode } from '../shared-mode.ts';

/** What names the kubelet's directory on the node. */
const kubeletSetting = 'the operator setting DOCKERRUN_KUBELET_ROOT';

/**
 * The volumes of a pod, each with its path on the node: the kubelet's own, directories of the node, and claims.
 * @throws RunError HostPathNotVisible when one has no path on the node that is certain
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

/** The volumes whose path on the node follows from the spec alone. */
function directVolumes({ spec }: RunPlan, volumesRoot: string): SharedVolume[] {
  const emptyDir = (name: string, pod: string, containerPath: string): SharedVolume => ({
    name,
    localPath: workerPaths.volume(name),
    // Where the kubelet keeps an emptyDir, the same since Kubernetes 1.0.
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
