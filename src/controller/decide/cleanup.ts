import { journalledVolumes } from '../../api/spec-usage.ts';
import type { Ending } from '../../api/run-plan.ts';
import { isCancellation } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import { type Cleanup, desiredCleanupJob, onlyOnNode } from '../job/cleanup-job.ts';
import { lostElsewhere, type ObservedPod, podHasEnded } from '../observe/observed.ts';
import { type Action, fail, type Input, type Outcome } from './outcome.ts';
import { refusalOfCleanup } from './spec-refusal.ts';

/** The cleanup Job, for a run whose own worker cannot clean up. */

/** The latest end of a run after the loss of its worker, even if the cleanup Job has not finished. */
const longestWaitMs = 150_000;

/** Requeue after the API server refused the cleanup Job for now. */
const refusedMs = 5_000;

/** Ends a run with an error that the controller found; starts the cleanup without waiting for it. */
export function failWithCleanup(input: Input, error: RunError): Outcome {
  return { ...fail(error), actions: startCleanup(input, endingOf(error)) };
}

/** Ends a run on a node that does not answer: only its job in Girder can be updated. */
export function failReportingOnly(input: Input, error: RunError): Outcome {
  const reports = input.run.spec?.girder?.job !== undefined;
  const actions = reports ? createJob(input, { node: undefined, ending: endingOf(error) }) : [];
  return { ...fail(error), actions };
}

/** Ends a run once the cleanup Job on the node of its lost worker has finished, or cannot finish. */
export function failAfterCleanup(
  input: Input,
  { error, lostAt }: { error: RunError; lostAt: string },
): Outcome {
  const cleanup = cleanupOf(input, endingOf(error));
  if (cleanup?.node === undefined) return failWithCleanup(input, error);
  const { cleanupJob, cleanupRefusal, now } = input;
  const notAllowed = cleanupNotAllowed(input);
  const left = Date.parse(lostAt) + longestWaitMs - now.getTime();
  const mayFinish =
    notAllowed === undefined && cleanupRefusal?.permanent !== true && cleanupJob?.finished === undefined;
  const outcome =
    mayFinish && left > 0
      ? whileCleaningUp(input, { error, node: cleanup.node, left })
      : fail(withLeftovers(input, error, cleanup.node));
  return { ...outcome, actions: createJob(input, cleanup) };
}

/** Creates the cleanup Job, unless there is nothing to do, it exists already, or it was refused. */
export function startCleanup(input: Input, ending: Ending): Action[] {
  const cleanup = cleanupOf(input, ending);
  return cleanup === undefined ? [] : createJob(input, cleanup);
}

/**
 * Cleans up on the nodes of earlier attempts that were lost, when the run ends on another node. Each Job waits for
 * its node for an hour; the run does not wait for it, and none is created after the end was written.
 */
export function cleanUpElsewhere(input: Input, status: DockerRunStatus | undefined): Action[] {
  const { run, pods, cleanupRefusal, worker, policy } = input;
  const isEnd = isTerminalPhase(status?.phase) && !isTerminalPhase(run.status.phase);
  if (!isEnd || status === undefined || run.spec === undefined || cleanupRefusal !== undefined) return [];
  const { journalled, directories } = journalledVolumes(onlyOnNode(run.spec));
  const isNeeded = journalled.length + directories.length > 0 && pods.every(podHasEnded);
  if (!isNeeded || refusalOfCleanup(run, policy) !== undefined) return [];
  const of = { metadata: run.metadata, spec: run.spec };
  return lostElsewhere(status).map(({ nodeName: node, podUID: earlierPodUid }) => {
    const cleanup: Cleanup = { node, earlierPodUid, ending: { kind: 'failed', message: '' } };
    return { kind: 'createCleanupJob', job: desiredCleanupJob(of, cleanup, worker, policy) };
  });
}

/**
 * True for the report of a worker that cleaned up. All do before they end, except after a defect of ours; where a
 * disk failed, they may not have been able to.
 */
export function hasCleanedUp(report: { readonly reason?: Report['reason'] } | undefined): boolean {
  return report !== undefined && report.reason !== 'WorkerFailed' && report.reason !== 'DiskFailed';
}

function whileCleaningUp(
  { run, cleanupRefusal }: Input,
  { error, node, left }: { error: RunError; node: string; left: number },
): Outcome {
  const refusal = cleanupRefusal?.message;
  const state =
    refusal === undefined
      ? `A cleanup Job is removing what the worker left on node ${node}.`
      : `The cleanup Job on node ${node} cannot be created yet: ${refusal}`;
  const message = `${error.sentence} ${state}`;
  const phase = activePhase(run.status);
  return {
    verdict: { phase, reason: phase, message },
    requeueAfterMs: refusal === undefined ? left : Math.min(left, refusedMs),
  };
}

function withLeftovers(input: Input, error: RunError, node: string): RunError {
  const { cleanupJob, cleanupRefusal } = input;
  if (cleanupJob?.finished?.succeeded === true) return error;
  const why =
    cleanupNotAllowed(input)?.message ??
    cleanupRefusal?.message ??
    cleanupJob?.finished?.message ??
    'the cleanup Job took too long';
  return new RunError(
    error.reason,
    `${error.message}; what the worker left on node ${node} may still be there: ${why}`,
  );
}

function activePhase({ phase = 'Pending' }: DockerRunStatus) {
  return isTerminalPhase(phase) || phase === 'Suspended' ? 'Pending' : phase;
}

/** Why the run may no longer use what the cleanup Job would mount or write to; the policy may have changed. */
function cleanupNotAllowed({ run, policy, cleanupJob }: Input): RunError | undefined {
  return run.spec === undefined || cleanupJob !== undefined ? undefined : refusalOfCleanup(run, policy);
}

function createJob(input: Input, cleanup: Cleanup): Action[] {
  const { run, cleanupJob, cleanupRefusal, worker, policy } = input;
  if (run.spec === undefined || cleanupJob !== undefined || cleanupRefusal !== undefined) return [];
  if (cleanupNotAllowed(input) !== undefined) return [];
  const job = desiredCleanupJob({ metadata: run.metadata, spec: run.spec }, cleanup, worker, policy);
  return [{ kind: 'createCleanupJob', job }];
}

function cleanupOf(input: Input, ending: Ending): Cleanup | undefined {
  const { spec } = input.run;
  if (spec === undefined || input.pods.at(-1)?.worker.kind === 'running') return undefined;
  const { journalled, directories } = journalledVolumes(spec);
  const node = journalled.length + directories.length > 0 ? nodeOfLostWorker(input) : undefined;
  if (node !== undefined) return { node, ending };
  const unstarted = directories.length > 0 ? nodeOfUnstartedWorker(input) : undefined;
  if (unstarted !== undefined) return { node: unstarted, ending, leftBy: 'kubelet' };
  return spec.girder?.job === undefined ? undefined : { node, ending };
}

/** The kubelet makes the directories of a container after it has pulled the image. */
const beforeDirectories: readonly string[] = [
  'PodInitializing',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
];

/** The node of the last worker, which has not started, if the kubelet may have made its directories. */
function nodeOfUnstartedWorker({ pods }: Input): string | undefined {
  const pod = pods.at(-1);
  if (pod?.worker.kind !== 'waiting' || pod.init !== undefined || !pod.hasSandbox) return undefined;
  return beforeDirectories.includes(pod.worker.reason) ? undefined : pod.nodeName;
}

/** The node of the last worker that ran, unless that worker has cleaned up. */
function nodeOfLostWorker({ run, pods }: Input): string | undefined {
  // Whether the worker of a pod that disappeared has cleaned up is not known.
  if (pods.length === 0) return run.status.podName === undefined ? undefined : run.status.nodeName;
  const pod = pods.findLast(hasRun);
  const isClean = pod?.worker.kind === 'terminated' && hasCleanedUp(pod.worker.report);
  return isClean ? undefined : pod?.nodeName;
}

/** A pod that was evicted or lost may have no container status, so its phase counts as well. */
function hasRun({ worker, phase, init }: ObservedPod): boolean {
  return worker.kind !== 'waiting' || (phase === 'Failed' && init?.failed !== true);
}

function endingOf(error: RunError): Ending {
  return { kind: isCancellation(error.reason) ? 'cancelled' : 'failed', message: error.sentence };
}
