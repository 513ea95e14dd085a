import { exitCodeOf, exitCodes, type FailureReason, failureReasons } from '../api/reasons.ts';
import type { TargetStatus } from '../api/status.ts';
import type { RunError } from '../support/errors.ts';

/** How to mend what is mended in another way, or at another place, than in a cluster. */
const localRemedies: Partial<Record<FailureReason, string>> = {
  InvalidSpec: 'Correct the field that the message names.',
  SecretIncomplete: 'Add the Secret to the file, or set the variable.',
  EngineUnavailable: 'Check that Docker runs, and that DOCKER_HOST is the address of its socket.',
  ImageNotFound:
    'Check the name and tag of the image; with imagePullPolicy Never it must be on this machine already.',
  ImagePullFailed: "Check that this machine reaches the image's registry.",
  HostPathNotVisible:
    'Create the directory; for temporary volumes set TMPDIR to a directory that the Docker Engine shares.',
  StartDeadlineExceeded: 'Raise startDeadlineSeconds.',
  ContainerLost: 'See the log of the Docker Engine; run it again.',
  TargetFailed: "See the target's output above.",
  GirderUnauthorized:
    'Give a valid GIRDER_API_KEY or GIRDER_TOKEN, or put it into the Secret of girder.credentialsSecretRef.',
  GirderUnavailable: 'Check girder.apiUrl and that this machine reaches it.',
  DownloadFailed: 'Read the cause in the message; run it again.',
  UploadFailed: 'Read the cause in the message; run it again.',
  StreamFailed: 'Check that the address that the message names is reachable; run it again.',
  CancelledInGirder: 'Run it again with a new job if its results are still wanted.',
  Cancelled: 'Run it again if its results are still wanted.',
  WorkerFailed: 'Please report it with this message.',
};

/** Engine messages name the operator's setting for the socket, which a run without a cluster does not have. */
const operatorSetting = / \(setting DOCKERRUN_[A-Z_]+\)/;

/** The sentence for a failed run on this machine: what, where, and how to mend it. */
export function localSentence({ reason, message }: RunError): string {
  const text = message
    .replace(operatorSetting, '')
    .replaceAll('of the node', 'of this machine')
    .replaceAll('on the node', 'on this machine')
    .replace(/[.\s]+$/, '');
  return `${text}. ${localRemedies[reason] ?? failureReasons[reason].remedy}`;
}

/** The exit code of a program that a signal ended, as shells give it; undefined for no signal. */
export function signalCode(name: string | undefined): number | undefined {
  const codes: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  return name === undefined ? undefined : codes[name];
}

/** How a run ended, as far as the exit code depends on it. */
export type LocalEnd = {
  readonly failure: RunError | undefined;
  readonly target: TargetStatus | undefined;
  /** The name of the signal that stopped the run, if one did. */
  readonly stoppedBy: string | undefined;
};

/** Failures that are the target's own end; after any other one its exit code is that of being stopped, if anything. */
const ownEnds: ReadonlySet<FailureReason> = new Set(['TargetFailed', 'OOMKilled']);

/**
 * The exit code of `dockerrun run`: that of the signal that stopped it, else the target's own when that is why the
 * run failed, else the one of the reason for which it did.
 */
export function localExitCode({ failure, target, stoppedBy }: LocalEnd): number {
  if (failure === undefined) return exitCodes.done;
  const ofSignal = failure.reason === 'Cancelled' ? signalCode(stoppedBy) : undefined;
  if (ofSignal !== undefined) return ofSignal;
  const ofTarget = ownEnds.has(failure.reason) ? (target?.exitCode ?? 0) : 0;
  return ofTarget === 0 ? exitCodeOf(failure.reason) : ofTarget;
}
