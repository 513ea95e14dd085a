/** The API group, which is also the prefix of the operator's labels and annotations. */
export const group = 'dockerrun.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;
export const kind = 'DockerRun';
export const plural = 'dockerruns';

export const setKind = 'DockerRunSet';
export const setPlural = 'dockerrunsets';

export const policyKind = 'DockerRunPolicy';
export const policyPlural = 'dockerrunpolicies';
/** The only DockerRunPolicy that takes effect. */
export const policyName = 'default';

/** Labels on Jobs, pods and containers. */
export const labels = {
  /** The UID of the DockerRun. */
  runUid: `${group}/run-uid`,
  /** The name of the DockerRun, cut to the 63 characters of a label value. */
  runName: `${group}/run-name`,
  /** The UID of the pod, on containers only; each attempt has one pod. */
  attempt: `${group}/attempt`,
  /**
   * The UID of the DockerRun that a pod cleans up after. Such a pod is not an attempt and has no other of
   * these.
   */
  cleanedUpRun: `${group}/cleaned-up-run-uid`,
  /** The name of the DockerRunSet, cut to the 63 characters of a label value: on its DockerRuns and Jobs. */
  set: `${group}/set`,
  /** The UID of the DockerRunSet: on its DockerRuns, and on the Jobs and pods of its planners. */
  setUid: `${group}/set-uid`,
  /** The seconds since the boot of the node when it was created, on containers only: a clock that never jumps. */
  uptime: `${group}/created-at-uptime`,
  /** `<namespace>/<name>` of the DockerRun, on containers, and on the named volumes of Docker that it created. */
  run: `${group}/run`,
  /** The name of the DockerRun whose spec `dockerrun retry` took, cut like that of a set: on DockerRuns of people. */
  retryOf: `${group}/retry-of`,
  /** The ID of the input of forEach, on containers only. */
  item: `${group}/item`,
} as const;

/** On a chunk: `<uid of the planner's pod>/<seq of its first input>-<seq of its last>`. */
export const windowAnnotation = `${group}/set-window`;

/** On a chunk: `<number of the pass>/<number of its inputs>`, and `/cautious` for one that follows a lost worker. */
export const chunkAnnotation = `${group}/set-chunk`;

/** On a set: a new value, of at most 256 characters, starts a pass at once, such as when new data have arrived. */
export const wakeAnnotation = `${group}/wake`;

/** On nodes: `ready` where the Docker Engine can run targets, as the node agent there says, else `unready`. */
export const engineLabel = `${group}/engine`;

/** Marks a Job that this operator suspended. It resumes no other Job: a queue may have suspended it. */
export const suspendedAnnotation = `${group}/suspended`;

/** On a Job: the generation of the DockerRun that it was made of, and the hash of what it was made of. */
export const generationAnnotation = `${group}/generation`;
export const specHashAnnotation = `${group}/spec-hash`;

/**
 * Labels of a DockerRun with this prefix are copied to its Job: Kueue's queue and priority
 * (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/).
 */
const queueLabelPrefix = 'kueue.x-k8s.io/';

/** The labels by which a queue such as Kueue takes a Job. */
export function queueLabelsOf(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key.startsWith(queueLabelPrefix)));
}

/** Kueue decides when a Job with this label runs. */
export const queueNameLabel = `${queueLabelPrefix}queue-name`;

/** The volume that every run has; arguments refer to it as `$(temporaryVolume)`. */
export const temporaryVolumeName = 'temporaryVolume';

/** The path in the target; Girder Worker uses the same. */
export const temporaryVolumePath = '/mnt/girder_worker/temporary';

/**
 * Holds the temporary volumes with a hostDir, at the top of a directory that the policy makes writable. Other
 * runs that mount that directory get an empty directory in its place.
 */
export const temporaryDirectoryName = '.dockerrun-temporary';

/** The name of a temporary volume in that directory; a cleanup finds by it what a killed worker left. */
export function temporaryDirectoryOf(runUid: string, volume: string): string {
  return `dockerrun-${runUid}-${volume}`;
}

/** The path in the target of an entry of `spec.volumes` that is temporary. */
export function namedTemporaryVolumePath(volume: string): string {
  return `/mnt/girder_worker/volumes/${volume}`;
}

export const workerContainerName = 'worker';

/** The port of the worker's read-only progress endpoint. */
export const progressPort = 8089;

/** The hostname of an Indexed Job's pod is the Job's name and `-0`, at most 63 characters. */
const longestJobName = 61;

/**
 * The run's name and the beginning of its UID, which tells apart two runs of one name: a run may be deleted
 * and applied again.
 */
export function jobName(run: { name: string; uid: string }): string {
  const suffix = run.uid.replaceAll('-', '').slice(0, 8);
  const stem = run.name.slice(0, longestJobName - suffix.length - 1).replace(/[^a-z0-9]+$/, '');
  return `${stem.replaceAll('.', '-')}-${suffix}`;
}

/** The longest name that the API server generates, without its five random characters. */
const longestGenerated = 58;

/**
 * The beginning of the name of each pod that the Job controller creates for the only index of a Job
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/indexed_job_utils.go).
 */
export function podNamePrefix(job: string): string {
  const index = '-0-';
  return `${job.slice(0, longestGenerated - index.length)}${index}`;
}

/**
 * The name of a cleanup Job; the suffix keeps it apart from the Job of every run. With the uid of the pod of an
 * earlier attempt, it is the Job that cleans up on the node of that one.
 */
export function cleanupJobName(run: { name: string; uid: string }, podUid?: string): string {
  const [suffix, longestName] = [podUid === undefined ? '-cleanup' : `-cleanup-${podUid.slice(0, 8)}`, 63];
  const name = jobName(run);
  const hash = name.slice(name.lastIndexOf('-'));
  const stem = name.slice(0, Math.min(name.length, longestName - suffix.length) - hash.length);
  return `${stem.replace(/(?<!-)-+$/, '')}${hash}${suffix}`;
}

/** The name of the Job that plans a pass; like that of a run's Job, it has the beginning of the UID of the set. */
export function plannerJobName(set: { name: string; uid: string }, pass: number): string {
  const suffix = `-plan-${pass}`;
  const hash = set.uid.replaceAll('-', '').slice(0, 8);
  const stem = set.name.slice(0, longestJobName - suffix.length - hash.length - 1).replaceAll('.', '-');
  return `${stem.replace(/[^a-z0-9]+$/, '')}-${hash}${suffix}`;
}

/** The name of a chunk: the set's name and the beginning of a digest in hexadecimal of what makes it this chunk. */
export function chunkName(set: { name: string }, digest: string): string {
  const stem = set.name.slice(0, 63 - 13).replace(/[^a-z0-9]+$/, '');
  return `${stem}-${digest.slice(0, 12)}`;
}

/**
 * The name is unique per attempt, and per input of forEach, so that Docker refuses a second container for it.
 */
export function containerName(runUid: string, attempt: string, item?: number): string {
  const name = `dockerrun-${runUid}-${attempt}`;
  return item === undefined ? name : `${name}-${item}`;
}

/** A DockerRun's name as a label value, which has at most 63 characters. */
export function labelValue(name: string): string {
  return name.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '');
}
