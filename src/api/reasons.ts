/**
 * The one table of reasons. Conditions, Events, the worker's exit codes, retries and docs/reasons.md all come
 * from it; a test holds them together.
 */

/** The worker's exit code by who is to blame; the target's own exit code is data in `status.target`. */
export const exitCodes = {
  done: 0,
  /** Nobody but the user can mend it: another attempt would fail the same way. */
  spec: 64,
  stageIn: 65,
  start: 66,
  upload: 67,
  internal: 68,
  target: 69,
  deadline: 70,
  cancelled: 71,
  /** Somebody wants it stopped for good, as opposed to a pod that was told to end: there is no other attempt. */
  cancelledForGood: 72,
} as const;

/** The exit codes that the Job does not retry: another attempt would fail again, or must not be made. */
export const finalExitCodes = [exitCodes.spec, exitCodes.deadline, exitCodes.cancelledForGood];

/** Where a failing reason comes from, which is also the worker's exit code for it. */
type Category = Exclude<keyof typeof exitCodes, 'done'>;

type Row = { readonly category: Category; readonly meaning: string; readonly remedy: string };

/** Every reason a run can fail with: what it means and how a user mends it. */
export const failureReasons = {
  InvalidSpec: {
    category: 'spec',
    meaning:
      'The DockerRun contradicts itself, for example an argument uses a $(name) that nothing declares.',
    remedy: 'Correct the field that the message names and apply the DockerRun under a new name.',
  },
  HostPathNotAllowed: {
    category: 'spec',
    meaning: "A volume mounts a host path that the operator's policy does not allow.",
    remedy:
      'Use a path that is allowed, or ask the cluster administrator to add it to hostPaths in the policy.',
  },
  DockerOptionNotAllowed: {
    category: 'spec',
    meaning:
      "A value of spec.docker reaches beyond the target's container, and the operator's policy does not allow it.",
    remedy:
      'Do without it, or ask the cluster administrator to add the option and its value to dockerOptions in the policy.',
  },
  ImageNotAllowed: {
    category: 'spec',
    meaning: "The image is not one of those that the operator's policy allows.",
    remedy:
      'Use an image that is allowed, or ask the cluster administrator to add it to images in the policy.',
  },
  GirderAddressNotAllowed: {
    category: 'spec',
    meaning: "girder.apiUrl is not one of the addresses that the operator's policy allows.",
    remedy:
      'Use an address that is allowed, or ask the cluster administrator to add it to girderApiUrls in the policy.',
  },
  StreamAddressNotAllowed: {
    category: 'spec',
    meaning: "A stream would be sent to an address that the operator's policy does not allow.",
    remedy:
      'Use an address that is allowed, or ask the cluster administrator to add it to streamUrls in the policy.',
  },
  JobRefused: {
    category: 'spec',
    meaning: 'The API server refused the Job of the run (a quota, an admission policy, an invalid value).',
    remedy: 'Read the refusal in the message; mend the DockerRun, the quota or the policy.',
  },
  JobDeleted: {
    category: 'cancelled',
    meaning: 'Somebody deleted the Job of the run before it ended.',
    remedy: 'Apply the DockerRun again under a new name if its results are still wanted.',
  },
  VolumeMountFailed: {
    category: 'stageIn',
    meaning:
      "The kubelet cannot mount a volume of the run's pod: a Secret or one of its keys is missing, a host directory does not exist, or the node has no Docker socket.",
    remedy: 'Create what the message names, in the namespace of the run or on the node.',
  },
  WorkerNotStarted: {
    category: 'start',
    meaning:
      "The node cannot start the operator's worker: its image cannot be pulled, or its container not be created.",
    remedy: 'Ask the cluster administrator to mend what the message names.',
  },
  WorkerLost: {
    category: 'internal',
    meaning:
      "The run's pod ended without a termination message: it was evicted, killed or deleted, or its node was lost.",
    remedy: 'Set backoffLimit to have such runs tried again; see the events of the pod.',
  },
  StartDeadlineExceeded: {
    category: 'deadline',
    meaning: 'The run was not scheduled, pulled and staged within startDeadlineSeconds.',
    remedy: 'Read in the message what it was waiting for; free resources or raise startDeadlineSeconds.',
  },
  ActiveDeadlineExceeded: {
    category: 'deadline',
    meaning: 'The target ran longer than activeDeadlineSeconds and was stopped.',
    remedy: 'Raise activeDeadlineSeconds or give the target less to do.',
  },
  SecretIncomplete: {
    category: 'spec',
    meaning: 'A Secret that the run refers to lacks the key that is needed.',
    remedy: 'Add the key that the message names to the Secret.',
  },
  EngineUnavailable: {
    category: 'start',
    meaning: "The node's Docker Engine does not answer on its socket.",
    remedy: 'Check that Docker runs on the node and that the operator is configured with its socket.',
  },
  ImageNotFound: {
    category: 'spec',
    meaning: 'The image does not exist, or its registry asks for credentials that the run does not give.',
    remedy:
      'Check the name and tag of the image, and the credentials in spec.imagePullSecrets; with imagePullPolicy Never it must be on the node already.',
  },
  ImagePullFailed: {
    category: 'start',
    meaning: 'The image could not be pulled although it was tried several times.',
    remedy: "Check that the node reaches the image's registry.",
  },
  HostPathNotVisible: {
    category: 'spec',
    meaning: 'The Docker Engine of the node does not see a path that the target should mount.',
    remedy:
      'Create the directory on the node; for temporary volumes check the operator setting DOCKERRUN_KUBELET_ROOT.',
  },
  ContainerCreateFailed: {
    category: 'spec',
    meaning: 'The Docker Engine refused to create the container.',
    remedy: 'Read the refusal in the message and correct the field it is about.',
  },
  ContainerStartFailed: {
    category: 'spec',
    meaning:
      'The container was created but could not start, for example because its command does not exist in the image.',
    remedy: 'Check command, args, docker.user, groupAdd and ulimits, and the platform of the image.',
  },
  ContainerLost: {
    category: 'internal',
    meaning: 'The container vanished, or the Docker Engine went away, while the target was running.',
    remedy: 'See the log of the Docker Engine; set backoffLimit to have such runs tried again.',
  },
  TargetFailed: {
    category: 'target',
    meaning: 'The target ended with an exit code other than 0, which status.target.exitCode shows.',
    remedy: "See the target's output in the log of the run's pod.",
  },
  OOMKilled: {
    category: 'target',
    meaning: 'The target was killed because it used more memory than its limit.',
    remedy: 'Raise resources.limits.memory or make the target use less.',
  },
  GirderUnauthorized: {
    category: 'spec',
    meaning: 'Girder does not accept the API key or token of the run.',
    remedy:
      'Put a valid apiKey or token into the Secret that the message, or girder.credentialsSecretRef, names.',
  },
  GirderForbidden: {
    category: 'spec',
    meaning: 'Girder accepts the credentials, but they give no access to what the run needs.',
    remedy: "Give the key's user access in Girder, or use a key with the scope that is missing.",
  },
  GirderNotFound: {
    category: 'spec',
    meaning: 'Girder does not know an id that the run names.',
    remedy: 'Correct the id that the message names.',
  },
  GirderRefused: {
    category: 'spec',
    meaning: 'Girder refused a request of the run.',
    remedy: 'Read the refusal in the message.',
  },
  GirderUnavailable: {
    category: 'stageIn',
    meaning: 'Girder did not answer, or answered with server errors, although it was asked several times.',
    remedy: 'Check girder.apiUrl and that the nodes reach it.',
  },
  DownloadFailed: {
    category: 'stageIn',
    meaning: 'A file could not be downloaded completely.',
    remedy: 'Read the cause in the message; set backoffLimit to have such runs tried again.',
  },
  PipeFailed: {
    category: 'stageIn',
    meaning: 'A named pipe of the run could not be made or opened in its volume.',
    remedy: 'Read the cause in the message; the volume must be of a file system that knows named pipes.',
  },
  StreamFailed: {
    category: 'upload',
    meaning:
      'A stream could not be had or delivered to its end, so the target was stopped: it must not take a part for the whole.',
    remedy:
      'See what the message names: an address, its headers, a file of Girder, or the disk of the node; set backoffLimit to have such runs tried again.',
  },
  FileExists: {
    category: 'spec',
    meaning: 'A download or a named pipe would take the place of what is already in the volume.',
    remedy: 'Choose another name in the volume, or remove what is there once nobody uses it.',
  },
  OutputMissing: {
    category: 'spec',
    meaning: 'The target ended successfully but left no file at the path that should be uploaded.',
    remedy: 'Let the target write to the path that the message names.',
  },
  OutputUnsafe: {
    category: 'spec',
    meaning:
      'What the target left at the path that should be uploaded is not a regular file inside its volume.',
    remedy: 'Let the target write a regular file; links, pipes and devices are never uploaded.',
  },
  UploadFailed: {
    category: 'upload',
    meaning: 'A result could not be uploaded completely.',
    remedy: 'Read the cause in the message; set backoffLimit to have such runs tried again.',
  },
  Cancelled: {
    category: 'cancelled',
    meaning:
      'The run was stopped before it ended, by spec.cancel or since its pod was told to end; nothing was uploaded after that.',
    remedy: 'Apply the DockerRun again under a new name if its results are still wanted.',
  },
  CancelledInGirder: {
    category: 'cancelledForGood',
    meaning: 'The Girder job of the run was cancelled; nothing was uploaded after that.',
    remedy: 'Apply the DockerRun again under a new name, with a new job, if its results are still wanted.',
  },
  WorkerFailed: {
    category: 'internal',
    meaning: 'A defect of DockerRun itself.',
    remedy: "Please report it with the log of the run's pod.",
  },
} as const satisfies Record<string, Row>;

/** Every reason a run that is not failing can be in; also the reasons of its Events. */
export const progressReasons = {
  Accepted: { meaning: 'The DockerRun is valid and allowed.' },
  Pending: { meaning: "The run's pod is not running yet; the message says what it waits for." },
  Preparing: { meaning: 'The worker pulls the image and downloads the inputs.' },
  Running: { meaning: 'The target runs.' },
  Uploading: { meaning: 'The target ended; its results are being uploaded.' },
  Retrying: { meaning: 'An attempt failed, or its pod was evicted, and another one follows.' },
  Suspended: { meaning: 'spec.suspend is true: the run has no pod until it is false.' },
  Queued: {
    meaning:
      "Something else than this operator suspends the run's Job until there is room, for example Kueue.",
  },
  Suspending: { meaning: 'spec.suspend is true: the attempt that goes on is being ended.' },
  Resumed: { meaning: 'spec.suspend is false again, or the queue has let the run in.' },
  Cancelling: { meaning: 'spec.cancel is true: the target is being stopped.' },
  Succeeded: { meaning: 'The target ended with exit code 0 and every result is in Girder.' },
} as const satisfies Record<string, { readonly meaning: string }>;

export type FailureReason = keyof typeof failureReasons;
export type ProgressReason = keyof typeof progressReasons;
export type Reason = FailureReason | ProgressReason;

/** True for a word that is in the table of failures; what crosses a process boundary is parsed with it. */
export function isFailureReason(word: unknown): word is FailureReason {
  return typeof word === 'string' && Object.hasOwn(failureReasons, word);
}

/** True for a reason with which somebody stopped a run, as opposed to one with which it failed. */
export function isCancellation(reason: FailureReason): boolean {
  const { category } = failureReasons[reason];
  return category === 'cancelled' || category === 'cancelledForGood';
}

/** The worker's exit code for a reason. */
export function exitCodeOf(reason: FailureReason): number {
  return exitCodes[failureReasons[reason].category];
}
