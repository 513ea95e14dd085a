import type { ProgressReason } from './progress-reasons.ts';
import { setFailureReasons } from './input-failures.ts';

/** The one table of reasons: of conditions, Events, exit codes, retries and docs/reasons.md. */

/** Where a failure comes from. It decides the worker's exit code. */
export type Category =
  | 'spec'
  | 'stageIn'
  | 'start'
  | 'upload'
  | 'internal'
  | 'target'
  | 'deadline'
  | 'cancelled'
  | 'cancelledForGood'
  | 'node'
  | 'items';

/** `meaning` and the remedies are whole sentences: a remedy ends each message of a failure. */
type Row = {
  readonly category: Category;
  readonly meaning: string;
  readonly remedy: string;
  /** For a DockerRun that was not stored; absent when the remedy is the same. */
  readonly remedyAtApply?: string;
};

/** Every reason with which a run can fail. */
export const failureReasons = {
  InvalidSpec: {
    category: 'spec',
    meaning:
      'The DockerRun contradicts itself; for example, an argument uses a $(name) that is not declared.',
    remedy: 'Correct the field that the message names and apply the DockerRun under a new name.',
    remedyAtApply: 'Correct the field that the message names and apply the DockerRun again.',
  },
  HostPathNotAllowed: {
    category: 'spec',
    meaning:
      'The DockerRunPolicy does not allow a host path that a volume mounts, or a symbolic link in the path leads elsewhere.',
    remedy:
      'Use an allowed path without such links, or ask the cluster administrator to add it to hostPaths in the policy.',
  },
  NamedVolumeNotAllowed: {
    category: 'spec',
    meaning:
      'The DockerRunPolicy does not allow a named volume of Docker, or the volume has another driver than local, or options.',
    remedy:
      'Use another volume, or ask the cluster administrator to add its name to namedVolumes in the policy.',
  },
  DockerOptionNotAllowed: {
    category: 'spec',
    meaning: "The DockerRunPolicy does not allow an option that reaches beyond the target's container.",
    remedy:
      'Remove the option, or ask the cluster administrator to add it and its value to dockerOptions in the policy.',
  },
  ImageNotAllowed: {
    category: 'spec',
    meaning: 'The DockerRunPolicy does not allow the image.',
    remedy: 'Use an allowed image, or ask the cluster administrator to add it to images in the policy.',
  },
  GirderAddressNotAllowed: {
    category: 'spec',
    meaning: 'The DockerRunPolicy does not allow the address in girder.apiUrl.',
    remedy:
      'Use an allowed address, or ask the cluster administrator to add it to girderApiUrls in the policy.',
  },
  StreamAddressNotAllowed: {
    category: 'spec',
    meaning: 'The DockerRunPolicy does not allow the address that a stream is sent to.',
    remedy: 'Use an allowed address, or ask the cluster administrator to add it to streamUrls in the policy.',
  },
  PodMetadataNotAllowed: {
    category: 'spec',
    meaning: 'The DockerRunPolicy does not allow a label or annotation of podMetadata.',
    remedy: 'Remove it, or ask the cluster administrator to add its key to podMetadata in the policy.',
  },
  SchedulingNotAllowed: {
    category: 'spec',
    meaning: 'The DockerRunPolicy does not allow the priority class, the scheduler or a toleration.',
    remedy: 'Remove it, or ask the cluster administrator to add it to the list that the message names.',
  },
  KeptContainerNotAllowed: {
    category: 'spec',
    meaning: "The DockerRunPolicy does not allow that the target's container stays on the node.",
    remedy:
      'Remove removeContainer: false, or ask the cluster administrator to set keptContainers in the policy.',
  },
  PolicyBoundExceeded: {
    category: 'spec',
    meaning:
      'A deadline, a resource or another number of the DockerRun is above the bound of the DockerRunPolicy.',
    remedy: 'Lower the value, or ask the cluster administrator to raise the bound in max of the policy.',
  },
  JobRefused: {
    category: 'spec',
    meaning:
      'The API server rejected the Job of the run because of a quota, an admission policy or an invalid value.',
    remedy: 'Fix the DockerRun, the quota or the admission policy that the message names.',
  },
  JobDeleted: {
    category: 'cancelled',
    meaning: 'The Job of the run was deleted before it finished.',
    remedy: 'If you still want the results, apply the DockerRun again under a new name.',
  },
  VolumeMountFailed: {
    category: 'stageIn',
    meaning:
      'The kubelet cannot mount a volume of the pod: a Secret, a key, a host directory or the Docker socket is missing.',
    remedy: 'Create what the message names, in the namespace of the run or on the node.',
  },
  WorkerNotStarted: {
    category: 'start',
    meaning:
      "The node cannot start the worker: it cannot pull the worker's image or create its container, or an init container that was added to the pod failed.",
    remedy: 'Ask the cluster administrator to fix the problem that the message names.',
  },
  WorkerLost: {
    category: 'internal',
    meaning:
      'The pod ended without a termination message: it was evicted, killed or deleted, or its node was lost.',
    remedy: 'Check the events of the pod. Raise backoffLimit to retry such runs.',
  },
  DisruptedTooOften: {
    category: 'internal',
    meaning: 'The pods of the run were disrupted more often than disruptionLimit allows.',
    remedy:
      'Find out from the attempts in the status what disrupts the pods. Raise disruptionLimit if it is normal.',
  },
  Evicted: {
    category: 'target',
    meaning:
      'The kubelet evicted the pod because its node ran out of memory, disk or process ids, and the run used much of it.',
    remedy:
      'Request what the run uses in resources.requests, and set sizeLimit of its temporary volumes, or let it use less.',
  },
  StartDeadlineExceeded: {
    category: 'deadline',
    meaning: 'The run was not scheduled, pulled and staged within startDeadlineSeconds.',
    remedy: 'Check in the message what the run waited for. Free resources, or raise startDeadlineSeconds.',
  },
  ActiveDeadlineExceeded: {
    category: 'deadline',
    meaning: 'The target ran longer than activeDeadlineSeconds and was stopped.',
    remedy: 'Raise activeDeadlineSeconds or give the target less work.',
  },
  UploadDeadlineExceeded: {
    category: 'deadline',
    meaning: 'The results were not uploaded within uploadDeadlineSeconds.',
    remedy: 'Check in the message what was still to do. Raise uploadDeadlineSeconds or upload less.',
  },
  SecretIncomplete: {
    category: 'spec',
    meaning: 'A Secret or ConfigMap that the run refers to does not have the required key.',
    remedy: 'Add the key that the message names to the Secret or ConfigMap.',
  },
  EngineUnavailable: {
    category: 'start',
    meaning: 'The Docker Engine of the node does not respond on its socket.',
    remedy: 'Check that Docker runs on the node and that the operator is configured with its socket.',
  },
  EngineReplaced: {
    category: 'node',
    meaning:
      'The Docker Engine of the node restarted with another socket before the target started. The pod is replaced.',
    remedy:
      'Nothing has to be done. Let systemd own the socket of Docker (docker.socket) to avoid the replacement.',
  },
  ImageNotFound: {
    category: 'spec',
    meaning: 'The image does not exist, or its registry requires credentials that the run does not have.',
    remedy:
      'Check the image and spec.imagePullSecrets. With imagePullPolicy Never, the image must already be on the node.',
  },
  ImagePullFailed: {
    category: 'start',
    meaning: 'The image could not be pulled, even after several retries.',
    remedy: "Check that the node can reach the image's registry.",
  },
  HostPathNotVisible: {
    category: 'spec',
    meaning: 'The Docker Engine of the node cannot see a path that the target mounts.',
    remedy:
      'Create the directory on the node. For temporary volumes, check the operator setting DOCKERRUN_KUBELET_ROOT.',
  },
  NamedVolumeNotFound: {
    category: 'spec',
    meaning: 'The Docker Engine of the node has no volume of that name.',
    remedy:
      'Create it on the node with docker volume create, place the run on a node that has it, or set create: true.',
  },
  ContainerCreateFailed: {
    category: 'spec',
    meaning: 'The Docker Engine refused to create the container.',
    remedy: 'Correct the field that the error of the Docker Engine refers to.',
  },
  ContainerStartFailed: {
    category: 'spec',
    meaning:
      'The container was created but could not start; for example, its command does not exist in the image.',
    remedy: 'Check command, args, docker.user, groupAdd and ulimits, and the platform of the image.',
  },
  ContainerLost: {
    category: 'internal',
    meaning:
      'The container disappeared, or the Docker Engine stopped responding, while the target was running.',
    remedy: 'Check the log of the Docker Engine. Raise backoffLimit to retry such runs.',
  },
  TargetFailed: {
    category: 'target',
    meaning: 'The target exited with a code other than 0, which status.target.exitCode shows.',
    remedy: "Check the target's output in the log of the run's pod.",
  },
  OOMKilled: {
    category: 'target',
    meaning: 'The target was killed because it used more memory than its limit.',
    remedy: 'Raise resources.limits.memory or reduce the memory that the target uses.',
  },
  ItemsFailed: {
    category: 'items',
    meaning: 'Some inputs of forEach failed; the others are done, and their results are in Girder.',
    remedy:
      'Check status.items.failures, and the receipt and log.txt in the result item of each failed input.',
  },
  GirderUnauthorized: {
    category: 'spec',
    meaning: 'Girder rejected the API key or token of the run, or the token ends before the run may.',
    remedy:
      'Put a valid apiKey or token into the Secret that the message or girder.credentialsSecretRef names.',
  },
  GirderForbidden: {
    category: 'spec',
    meaning: 'Girder accepted the credentials, but they do not grant the access that the run needs.',
    remedy: 'Grant access to the user of the key in Girder, or use a key that has the missing scope.',
  },
  GirderNotFound: {
    category: 'spec',
    meaning: 'An id or path in the run does not exist in Girder, or leads to something of another kind.',
    remedy: 'Correct the id or path that the message names.',
  },
  GirderRefused: {
    category: 'spec',
    meaning: 'Girder rejected a request of the run.',
    remedy: 'Correct what the error of Girder refers to.',
  },
  GirderUnavailable: {
    category: 'stageIn',
    meaning: 'Girder did not respond, or returned server errors, even after several retries.',
    remedy: 'Check girder.apiUrl and that the nodes can reach it.',
  },
  DownloadFailed: {
    category: 'stageIn',
    meaning: 'A file could not be downloaded completely.',
    remedy: 'Check the cause in the message. Raise backoffLimit to retry such runs.',
  },
  PipeFailed: {
    category: 'stageIn',
    meaning: 'A named pipe of the run could not be created or opened in its volume.',
    remedy: 'Check the cause in the message. The file system of the volume must support named pipes.',
  },
  StreamFailed: {
    category: 'upload',
    meaning:
      'A stream could not be read or delivered completely; the target was stopped, so that it does not use partial data.',
    remedy:
      'Check the address, headers, Girder file or disk that the message names. Raise backoffLimit to retry such runs.',
  },
  FileExists: {
    category: 'spec',
    meaning:
      'A download or a named pipe would replace what already exists in the volume, or a result with ifExists: Fail what exists in Girder.',
    remedy: 'Choose another name, or remove what exists when it is no longer in use.',
  },
  OutputMissing: {
    category: 'spec',
    meaning: 'The target succeeded but left no file at the path to upload.',
    remedy: 'Make the target write to the path that the message names.',
  },
  OutputUnsafe: {
    category: 'spec',
    meaning: 'At the path to upload, the target left something other than a regular file inside the volume.',
    remedy:
      'Make the target write a regular file. For links inside of the volume, set links of the hook to Follow or Skip.',
  },
  OutputTooLarge: {
    category: 'spec',
    meaning: 'The target left a file that is larger than any result may be.',
    remedy: 'Make the target write smaller files. A sparse file counts with its whole length.',
  },
  UploadFailed: {
    category: 'upload',
    meaning: 'A result could not be uploaded completely.',
    remedy: 'Check the cause in the message. Raise backoffLimit to retry such runs.',
  },
  ...setFailureReasons,
  Cancelled: {
    category: 'cancelled',
    meaning:
      'The run was stopped by spec.cancel, or because its pod was asked to stop; nothing was uploaded after that.',
    remedy: 'If you still want the results, apply the DockerRun again under a new name.',
  },
  CancelledInGirder: {
    category: 'cancelledForGood',
    meaning: 'The Girder job of the run was cancelled; nothing was uploaded after that.',
    remedy:
      'If you still want the results, apply the DockerRun again under a new name, with a new Girder job.',
  },
  DiskFailed: {
    category: 'internal',
    meaning: 'A disk of the node, or a volume of the run, could not be read or written.',
    remedy:
      'Check the disk and the volumes that the run uses on its node. Raise backoffLimit to retry such runs.',
  },
  WorkerFailed: {
    category: 'internal',
    meaning: 'The run failed because of a defect in DockerRun.',
    remedy: "Report the defect, with the log of the run's pod.",
  },
} as const satisfies Record<string, Row>;

export type FailureReason = keyof typeof failureReasons;
export type Reason = FailureReason | ProgressReason;

/** True for a failure reason of the table; parses reasons that another process sent. */
export function isFailureReason(value: unknown): value is FailureReason {
  return typeof value === 'string' && Object.hasOwn(failureReasons, value);
}

/** True when the reason means that the run was stopped on purpose, not that it failed. */
export function isCancellation(reason: FailureReason): boolean {
  const { category } = failureReasons[reason];
  return category === 'cancelled' || category === 'cancelledForGood';
}
