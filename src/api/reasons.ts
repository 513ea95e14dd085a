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
export type Blame = Exclude<keyof typeof exitCodes, 'done'>;

type Row = { readonly blame: Blame; readonly meaning: string; readonly mend: string };

/** Every reason a run can fail with: what it means and how a user mends it. */
export const failureReasons = {
  InvalidSpec: {
    blame: 'spec',
    meaning:
      'The DockerRun contradicts itself, for example an argument uses a $(name) that nothing declares.',
    mend: 'Correct the field that the message names and apply the DockerRun under a new name.',
  },
  HostPathNotAllowed: {
    blame: 'spec',
    meaning: "A volume mounts a host path that the operator's policy does not allow.",
    mend: 'Use a path that is allowed, or ask the cluster administrator to add it to hostPaths in the policy.',
  },
  DockerOptionNotAllowed: {
    blame: 'spec',
    meaning:
      "A value of spec.docker reaches beyond the target's container, and the operator's policy does not allow it.",
    mend: 'Do without it, or ask the cluster administrator to add the option and its value to dockerOptions in the policy.',
  },
  ImageNotAllowed: {
    blame: 'spec',
    meaning: "The image is not one of those that the operator's policy allows.",
    mend: 'Use an image that is allowed, or ask the cluster administrator to add it to images in the policy.',
  },
  GirderAddressNotAllowed: {
    blame: 'spec',
    meaning: "girder.apiUrl is not one of the addresses that the operator's policy allows.",
    mend: 'Use an address that is allowed, or ask the cluster administrator to add it to girderApiUrls in the policy.',
  },
  StreamAddressNotAllowed: {
    blame: 'spec',
    meaning: "A stream would be sent to an address that the operator's policy does not allow.",
    mend: 'Use an address that is allowed, or ask the cluster administrator to add it to streamUrls in the policy.',
  },
  JobRefused: {
    blame: 'spec',
    meaning: 'The API server refused the Job of the run (a quota, an admission policy, an invalid value).',
    mend: 'Read the refusal in the message; mend the DockerRun, the quota or the policy.',
  },
  JobDeleted: {
    blame: 'cancelled',
    meaning: 'Somebody deleted the Job of the run before it ended.',
    mend: 'Apply the DockerRun again under a new name if its results are still wanted.',
  },
  VolumeMountFailed: {
    blame: 'stageIn',
    meaning:
      "The kubelet cannot mount a volume of the run's pod: a Secret or one of its keys is missing, a host directory does not exist, or the node has no Docker socket.",
    mend: 'Create what the message names, in the namespace of the run or on the node.',
  },
  WorkerNotStarted: {
    blame: 'start',
    meaning:
      "The node cannot start the operator's worker: its image cannot be pulled, or its container not be created.",
    mend: 'Ask the cluster administrator to mend what the message names.',
  },
  WorkerLost: {
    blame: 'internal',
    meaning:
      "The run's pod ended without a final word: it was evicted, killed or deleted, or its node was lost.",
    mend: 'Set backoffLimit to have such runs tried again; see the events of the pod.',
  },
  StartDeadlineExceeded: {
    blame: 'deadline',
    meaning: 'The run was not scheduled, pulled and staged within startDeadlineSeconds.',
    mend: 'Read in the message what it was waiting for; free resources or raise startDeadlineSeconds.',
  },
  ActiveDeadlineExceeded: {
    blame: 'deadline',
    meaning: 'The target ran longer than activeDeadlineSeconds and was stopped.',
    mend: 'Raise activeDeadlineSeconds or give the target less to do.',
  },
  SecretIncomplete: {
    blame: 'spec',
    meaning: 'A Secret that the run refers to lacks the key that is needed.',
    mend: 'Add the key that the message names to the Secret.',
  },
  EngineUnavailable: {
    blame: 'start',
    meaning: "The node's Docker Engine does not answer on its socket.",
    mend: 'Check that Docker runs on the node and that the operator is configured with its socket.',
  },
  ImageNotFound: {
    blame: 'spec',
    meaning: 'The image does not exist, or its registry asks for credentials that the run does not give.',
    mend: 'Check the name and tag of the image, and the credentials in spec.imagePullSecrets; with imagePullPolicy Never it must be on the node already.',
  },
  ImagePullFailed: {
    blame: 'start',
    meaning: 'The image could not be pulled although it was tried several times.',
    mend: "Check that the node reaches the image's registry.",
  },
  HostPathNotVisible: {
    blame: 'spec',
    meaning: 'The Docker Engine of the node does not see a path that the target should mount.',
    mend: 'Create the directory on the node; for temporary volumes check the operator setting DOCKERRUN_KUBELET_ROOT.',
  },
  ContainerCreateFailed: {
    blame: 'spec',
    meaning: 'The Docker Engine refused to create the container.',
    mend: 'Read the refusal in the message and correct the field it is about.',
  },
  ContainerStartFailed: {
    blame: 'spec',
    meaning:
      'The container was created but could not start, for example because its command does not exist in the image.',
    mend: 'Check command, args, docker.user, groupAdd and ulimits, and the platform of the image.',
  },
  ContainerLost: {
    blame: 'internal',
    meaning: 'The container vanished, or the Docker Engine went away, while the target was running.',
    mend: 'See the log of the Docker Engine; set backoffLimit to have such runs tried again.',
  },
  TargetFailed: {
    blame: 'target',
    meaning: 'The target ended with an exit code other than 0, which status.target.exitCode shows.',
    mend: "See the target's output in the log of the run's pod.",
  },
  OOMKilled: {
    blame: 'target',
    meaning: 'The target was killed because it used more memory than its limit.',
    mend: 'Raise resources.limits.memory or make the target use less.',
  },
  GirderUnauthorized: {
    blame: 'spec',
    meaning: 'Girder does not accept the API key or token of the run.',
    mend: 'Put a valid apiKey or token into the Secret that the message, or girder.credentialsSecretRef, names.',
  },
  GirderForbidden: {
    blame: 'spec',
    meaning: 'Girder accepts the credentials, but they give no access to what the run needs.',
    mend: "Give the key's user access in Girder, or use a key with the scope that is missing.",
  },
  GirderNotFound: {
    blame: 'spec',
    meaning: 'Girder does not know an id that the run names.',
    mend: 'Correct the id that the message names.',
  },
  GirderRefused: {
    blame: 'spec',
    meaning: 'Girder refused a request of the run.',
    mend: 'Read the refusal in the message.',
  },
  GirderUnavailable: {
    blame: 'stageIn',
    meaning: 'Girder did not answer, or answered with server errors, although it was asked several times.',
    mend: 'Check girder.apiUrl and that the nodes reach it.',
  },
  DownloadFailed: {
    blame: 'stageIn',
    meaning: 'A file could not be downloaded completely.',
    mend: 'Read the cause in the message; set backoffLimit to have such runs tried again.',
  },
  PipeFailed: {
    blame: 'stageIn',
    meaning: 'A named pipe of the run could not be made or opened in its volume.',
    mend: 'Read the cause in the message; the volume must be of a file system that knows named pipes.',
  },
  StreamFailed: {
    blame: 'upload',
    meaning:
      'A stream could not be had or delivered to its end, so the target was stopped: it must not take a part for the whole.',
    mend: 'See what the message names: an address, its headers, a file of Girder, or the disk of the node; set backoffLimit to have such runs tried again.',
  },
  FileExists: {
    blame: 'spec',
    meaning: 'A download or a named pipe would take the place of what is already in the volume.',
    mend: 'Choose another name in the volume, or remove what is there once nobody uses it.',
  },
  OutputMissing: {
    blame: 'spec',
    meaning: 'The target ended successfully but left no file at the path that should be uploaded.',
    mend: 'Let the target write to the path that the message names.',
  },
  OutputUnsafe: {
    blame: 'spec',
    meaning:
      'What the target left at the path that should be uploaded is not a regular file inside its volume.',
    mend: 'Let the target write a regular file; links, pipes and devices are never uploaded.',
  },
  UploadFailed: {
    blame: 'upload',
    meaning: 'A result could not be uploaded completely.',
    mend: 'Read the cause in the message; set backoffLimit to have such runs tried again.',
  },
  Cancelled: {
    blame: 'cancelled',
    meaning:
      'The run was stopped before it ended, by spec.cancel or since its pod was told to end; nothing was uploaded after that.',
    mend: 'Apply the DockerRun again under a new name if its results are still wanted.',
  },
  CancelledInGirder: {
    blame: 'cancelledForGood',
    meaning: 'The Girder job of the run was cancelled; nothing was uploaded after that.',
    mend: 'Apply the DockerRun again under a new name, with a new job, if its results are still wanted.',
  },
  WorkerFailed: {
    blame: 'internal',
    meaning: 'A defect of DockerRun itself.',
    mend: "Please report it with the log of the run's pod.",
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
  const { blame } = failureReasons[reason];
  return blame === 'cancelled' || blame === 'cancelledForGood';
}

/** The worker's exit code for a reason. */
export function exitCodeOf(reason: FailureReason): number {
  return exitCodes[failureReasons[reason].blame];
}
