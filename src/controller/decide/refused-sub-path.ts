import { dockerPodVolume, hostDirPodVolume, podVolume } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { RunError } from '../../support/errors.ts';
import type { WorkerState } from '../observe/observed.ts';

/**
 * The failure of a run whose host path the kubelet does not mount; undefined for any other state of a worker.
 * The kubelet does not report more, so that a pod cannot find out what is on the node
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go, makeMounts).
 */
export function refusedSubPath(worker: WorkerState, spec: DockerRunSpec | undefined): RunError | undefined {
  if (worker.kind !== 'waiting' || worker.reason !== 'CreateContainerConfigError') return undefined;
  const match = /failed to (prepare subPath|create subPath directory) for volumeMount "([^"]+)"/.exec(
    worker.message,
  );
  const [, step, volume = ''] = match ?? [];
  if (step === undefined) return undefined;
  const place = placeOf(volume, spec) ?? `volume "${volume}" of the pod`;
  return new RunError(
    'HostPathNotAllowed',
    step === 'prepare subPath'
      ? `${place} cannot be mounted: a component of the path is a symbolic link that leads out of the directory that the policy allows, or it is not a directory`
      : `${place} does not exist and cannot be created: a component of the path is a symbolic link without a target or is not a directory, or the file system is read-only`,
  );
}

function placeOf(podVolumeName: string, spec: DockerRunSpec | undefined): string | undefined {
  for (const [index, { name, bindMount, temporary }] of (spec?.volumes ?? []).entries()) {
    if (bindMount !== undefined && podVolumeName === podVolume(index))
      return `spec.volumes: ${name}.bindMount.hostPath: ${bindMount.hostPath}`;
    const isHostDir = [podVolume(index), hostDirPodVolume(index)].includes(podVolumeName);
    if (temporary?.hostDir !== undefined && isHostDir)
      return `spec.volumes: ${name}.temporary.hostDir: ${temporary.hostDir}`;
  }
  const path = Object.keys(spec?.dockerVolumes ?? {}).find(
    (_, index) => podVolumeName === dockerPodVolume(index),
  );
  return path === undefined ? undefined : `spec.dockerVolumes: ${path}`;
}
