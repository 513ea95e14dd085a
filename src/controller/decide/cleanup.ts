import { journalledVolumes } from '../../api/spec-usage.ts';
import type { Ending } from '../../api/run-plan.ts';
import { isCancellation } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import { type Cleanup, desiredCleanupJob } from '../job/cleanup-job.ts';
import type { ObservedPod } from '../observe/observed.ts';
import { type Action, fail, type Input, type Outcome } from './outcome.ts';

/** The Job that cleans up after a run whose worker cannot. */

/** Milliseconds from the loss of a worker until its run ends, whether or not the cleanup Job has finished. */
const longestWaitMs = 150_000;

/** Requeue after the API server refused the cleanup Job for now. */
const refusedMs = 5_000;

/** Ends a run with an error that the controller found; the cleanup is started and not awaited. */
export function failWithCleanup(input: Input, error: RunError): Outcome {
  return { ...fail(error), actions: startCleanup(input, endingOf(error)) };
}

/** Ends a run on a node that does not answer: only its job in Girder can be updated. */
export function failReportingOnly(input: Input, error: RunError): Outcome {
  const reports = input.run.spec?.girder?.job !== undefined;
  const actions = reports ? createJob(input, { node: undefined, ending: endingOf(error) }) : [];
  return { ...fail(error), actions };
}

/** Ends a run once the cleanup Job on the node of its lost worker has finished, or cannot. */
export function failAfterCleanup(
  input: Input,
  { error, lostAt }: { error: RunError; lostAt: string },
): Outcome {
  const cleanup = cleanupOf(input, endingOf(error));
  if (cleanup?.node === undefined) return failWithCleanup(input, error);
  const { cleanupJob, cleanupRefusal, now } = input;
  const left = Date.parse(lostAt) + longestWaitMs - now.getTime();
  const mayFinish = cleanupRefusal?.permanent !== true && cleanupJob?.finished === undefined;
  const outcome =
    mayFinish && left > 0
      ? whileCleaningUp(input, { error, node: cleanup.node, left })
      : fail(withLeftovers(input, error, cleanup.node));
  return { ...outcome, actions: createJob(input, cleanup) };
}

/** The action that creates the cleanup Job, unless there is nothing to do, or it exists or was refused already. */
export function startCleanup(input: Input, ending: Ending): Action[] {
  const cleanup = cleanupOf(input, ending);
  return cleanup === undefined ? [] : createJob(input, cleanup);
}

/** True for a report of a worker that cleaned up before it ended: all do, except one that ends by its own defect. */
export function hasCleanedUp(report: { readonly reason?: Report['reason'] } | undefined): boolean {
  return report !== undefined && report.reason !== 'WorkerFailed';
}

function whileCleaningUp(
  { run, cleanupRefusal }: Input,
  { error, node, left }: { error: RunError; node: string; left: number },
): Outcome {
  const refusal = cleanupRefusal?.message;
  const state = refusal === undefined ? 'is being removed' : `cannot be removed yet: ${refusal}`;
  const message = `${error.sentence} What it left on node ${node} ${state}.`;
  const phase = activePhase(run.status);
  return {
    verdict: { phase, reason: phase, message },
    requeueAfterMs: refusal === undefined ? left : Math.min(left, refusedMs),
  };
}

function withLeftovers({ cleanupJob, cleanupRefusal }: Input, error: RunError, node: string): RunError {
  if (cleanupJob?.finished?.succeeded === true) return error;
  const why = cleanupRefusal?.message ?? cleanupJob?.finished?.message ?? 'the cleanup took too long';
  return new RunError(
    error.reason,
    `${error.message}; what it left on node ${node} may still be there: ${why}`,
  );
}

function activePhase({ phase = 'Pending' }: DockerRunStatus) {
  return isTerminalPhase(phase) || phase === 'Suspended' ? 'Pending' : phase;
}

function createJob({ run, cleanupJob, cleanupRefusal, worker, policy }: Input, cleanup: Cleanup): Action[] {
  if (run.spec === undefined || cleanupJob !== undefined || cleanupRefusal !== undefined) return [];
  const job = desiredCleanupJob({ metadata: run.metadata, spec: run.spec }, cleanup, worker, policy);
  return [{ kind: 'createCleanupJob', job }];
}

function cleanupOf(input: Input, ending: Ending): Cleanup | undefined {
  const { spec } = input.run;
  if (spec === undefined || input.pods.at(-1)?.worker.kind === 'running') return undefined;
  const { journalled, directories } = journalledVolumes(spec);
  const node = journalled.length + directories.length > 0 ? nodeOfLostWorker(input) : undefined;
  return node === undefined && spec.girder?.job === undefined ? undefined : { node, ending };
}

/** The node of the last worker that ran, if it has not cleaned up. */
function nodeOfLostWorker({ run, pods }: Input): string | undefined {
  // A pod that has disappeared may have cleaned up, or not.
  if (pods.length === 0) return run.status.podName === undefined ? undefined : run.status.nodeName;
  const pod = pods.findLast(hasRun);
  const isClean = pod?.worker.kind === 'terminated' && hasCleanedUp(pod.worker.report);
  return isClean ? undefined : pod?.nodeName;
}

/** A pod that was evicted, or lost with its node, may have no status of its container. */
function hasRun({ worker, phase }: ObservedPod): boolean {
  return worker.kind !== 'waiting' || phase === 'Failed';
}

function endingOf(error: RunError): Ending {
  return { kind: isCancellation(error.reason) ? 'cancelled' : 'failed', message: error.sentence };
}
