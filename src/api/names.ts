/** The API group; every label, annotation and field manager of ours carries it. */
export const group = 'dockerrun.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;
export const kind = 'DockerRun';
export const plural = 'dockerruns';

/** The resource of the operator's policy, and the name of the one object that counts. */
export const policyKind = 'DockerRunPolicy';
export const policyPlural = 'dockerrunpolicies';
export const policyName = 'default';

/** Labels on Jobs, pods and containers; values are label-safe by construction (uids, hashes). */
export const labels = {
  /** uid of the DockerRun. */
  runUid: `${group}/run-uid`,
  /** name of the DockerRun, cut to the 63 characters of a label value. */
  runName: `${group}/run-name`,
  /** uid of the pod, on containers only: one pod is one attempt. */
  attempt: `${group}/attempt`,
  /** uid of the DockerRun that a pod cleans up after; such a pod is no attempt, and has none of the other labels. */
  cleanedUpRun: `${group}/cleaned-up-run-uid`,
  /** `<namespace>/<name>` of the DockerRun, on containers only. */
  run: `${group}/run`,
} as const;

/** On a Job: this operator suspended it, as opposed to a queue; only such a one it lets go on. */
export const suspendedAnnotation = `${group}/suspended`;

/** Labels of a DockerRun with this prefix are its Job's too: Kueue's queue and priority
 * (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/). */
export const queueLabelPrefix = 'kueue.x-k8s.io/';

/** The label that gives a Job to a queue of Kueue, which then says when it runs. */
export const queueNameLabel = `${queueLabelPrefix}queue-name`;

/** The name that an argument uses for the volume that every run has: `$(temporaryVolume)`. */
export const temporaryVolumeName = 'temporaryVolume';

/** Where every target sees it; the directory is the original's. */
export const temporaryVolumePath = '/mnt/girder_worker/temporary';

/** Where the target sees a temporary volume of its own name. */
export function namedTemporaryVolumePath(volume: string): string {
  return `/mnt/girder_worker/volumes/${volume}`;
}

/** The container in the run's pod. */
export const workerContainerName = 'worker';

/** The port of the worker's read-only progress endpoint. */
export const progressPort = 8089;

/** A pod of an Indexed Job gets `-0` after the Job's name as its hostname, which has 63 characters at most. */
const longestJobName = 61;

/**
 * The Job of a run: the run's name, and as much of its uid as keeps a run that was deleted and applied again
 * apart from its predecessor.
 */
export function jobName(run: { name: string; uid: string }): string {
  const suffix = run.uid.replaceAll('-', '').slice(0, 8);
  const stem = run.name.slice(0, longestJobName - suffix.length - 1).replace(/[^a-z0-9]+$/, '');
  return `${stem.replaceAll('.', '-')}-${suffix}`;
}

/** The Job that cleans up after a run whose worker was lost; no run's own Job ends like this. */
export function cleanupJobName(run: { name: string; uid: string }): string {
  const [suffix, longestName] = ['-cleanup', 63];
  const name = jobName(run);
  const hash = name.slice(name.lastIndexOf('-'));
  const stem = name.slice(0, Math.min(name.length, longestName - suffix.length) - hash.length);
  return `${stem.replace(/-+$/, '')}${hash}${suffix}`;
}

/** The target's container: Docker itself refuses a second one of the same attempt. */
export function containerName(runUid: string, attempt: string): string {
  return `dockerrun-${runUid}-${attempt}`;
}

/** A label value of at most 63 characters for a DockerRun's name. */
export function labelValue(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '');
}
