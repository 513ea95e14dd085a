import { type FailureReason, failureReasons } from '../../api/reasons.ts';
import { exitCodes, exitCodeOf } from '../../api/run-plan.ts';
import type { TargetStatus } from '../../api/status.ts';
import { isNodeFault } from '../../docker/engine-error.ts';
import { errorCode, type RunError } from '../../support/errors.ts';

export type LocalEnd = {
  readonly failure: RunError | undefined;
  readonly target: TargetStatus | undefined;
  /** The name of the signal that stopped the run, if any. */
  readonly stoppedBy: string | undefined;
};

/** Failures after which the target's exit code is its own; for others, it comes from stopping the target. */
export const targetFailures: ReadonlySet<FailureReason> = new Set(['TargetFailed', 'OOMKilled']);

/**
 * The exit code of `dockerrun run`: that of the signal that stopped it, else the target's own if the target
 * failed, else that of the reason.
 */
export function localExitCode({ failure, target, stoppedBy }: LocalEnd): number {
  if (failure === undefined) return exitCodes.done;
  const ofSignal = failure.reason === 'Cancelled' ? signalCode(stoppedBy) : undefined;
  if (ofSignal !== undefined) return ofSignal;
  const ofTarget = targetFailures.has(failure.reason) ? (target?.exitCode ?? 0) : 0;
  return ofTarget === 0 ? exitCodeOf(failure.reason) : ofTarget;
}

/** The exit code that a shell reports for a program that the signal ended. */
export function signalCode(name: string | undefined): number | undefined {
  const codes: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  return name === undefined ? undefined : codes[name];
}

/** Where the remedy differs from that in a cluster. */
const localRemedies: Partial<Record<FailureReason, string>> = {
  InvalidSpec: 'Correct the field that the message names.',
  SecretIncomplete: 'Add the Secret or ConfigMap to the file; a key of a Secret can also be a variable.',
  EngineUnavailable:
    'Check that Docker is running and that DOCKER_HOST, or the docker context, has its address.',
  ImageNotFound:
    'Check the name and tag of the image; with imagePullPolicy Never it must already be on this machine.',
  ImagePullFailed: "Check that this machine can reach the image's registry.",
  HostPathNotVisible:
    'Create the directory; for temporary volumes, set TMPDIR to a directory that the Docker Engine can see.',
  NamedVolumeNotFound: 'Create it with docker volume create, or set create: true.',
  StartDeadlineExceeded: 'Raise startDeadlineSeconds.',
  UploadDeadlineExceeded: 'Raise uploadDeadlineSeconds.',
  ContainerLost: 'See the log of the Docker Engine, then run it again.',
  TargetFailed: "See the target's output above.",
  ItemsFailed: 'See the lines above, and the receipt and log.txt in the result item of each failed input.',
  GirderUnauthorized:
    'Set a valid GIRDER_API_KEY or GIRDER_TOKEN, or correct the Secret of girder.credentialsSecretRef in the file.',
  GirderUnavailable: 'Check girder.apiUrl and that this machine can reach it.',
  DownloadFailed: 'Fix the cause in the message and run it again.',
  UploadFailed: 'Fix the cause in the message and run it again.',
  StreamFailed: 'Check that this machine can reach the address in the message, and run it again.',
  CancelledInGirder: 'Run it again with a new job in Girder if you still need the results.',
  Cancelled: 'Run it again if you still need the results.',
  DiskFailed: 'Free some space or check the disk, and run it again.',
  WorkerFailed: 'Please report this as a bug, with this message.',
};

/** Messages about the engine name an operator setting, which a run without a cluster does not have. */
const operatorSetting = / \(setting DOCKERRUN_[A-Z_]+\)/;

/** A message of the worker, in the words for a run on this machine. */
export function onThisMachine(message: string): string {
  return message
    .replace(operatorSetting, '')
    .replaceAll('its pod or its node has', 'this machine has')
    .replaceAll('the node has a copy', 'this machine has a copy')
    .replaceAll('the server and the node', 'the server and of this machine')
    .replaceAll('set worker.proxy of the chart', 'set HTTPS_PROXY or HTTP_PROXY with them')
    .replaceAll('of the node', 'of this machine')
    .replaceAll('on the node', 'on this machine');
}

/** A message about Girder, for a user who gave its address in GIRDER_API_URL. */
export function ofVariables(message: string): string {
  return message.replaceAll('girder.apiUrl', 'GIRDER_API_URL');
}

/** For causes that the remedy of EngineUnavailable does not cure: the engine runs, and its address is right. */
function engineRemedy({ reason, cause }: RunError): string | undefined {
  if (reason !== 'EngineUnavailable') return undefined;
  if (errorCode(cause) === 'EACCES')
    return 'Add yourself to the group of the socket (sudo usermod -aG docker "$USER") and log in again.';
  return isNodeFault(cause)
    ? 'Free some space where Docker keeps its data (docker system df), or see its log.'
    : undefined;
}

/** What to do about a failure on this machine, in one sentence. */
export function localRemedy(failure: RunError): string {
  const { reason } = failure;
  return engineRemedy(failure) ?? localRemedies[reason] ?? failureReasons[reason].remedy;
}

/** What failed and what to do about it, for a run on this machine. */
export function localSentence(failure: RunError): string {
  const text = onThisMachine(failure.message).replace(/(?<![.\s])[.\s]+$/, '');
  return `${text}. ${localRemedy(failure)}`;
}
