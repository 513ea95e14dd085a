import { lastingVolumesOf } from '../../api/lasting-volumes.ts';
import type { Ending } from '../../api/plan.ts';
import type { Report } from '../../api/report.ts';
import { isCancellation } from '../../api/reasons.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import type { Action, Decision, Observed, Tidying } from './decision.ts';
import { end, statusOf } from './next-status.ts';
import type { ObservedPod } from '../observe/observed.ts';

/** How long after the loss of a worker a run waits at most for what it left to be removed. */
const longestWaitMs = 150_000;

/** When a Job is asked for again that the API server refused for now. */
const againMs = 5_000;

/** Ends a run that the controller found to have failed; what is left to do is begun and not waited for. */
export function endTidily(observed: Observed, now: Date, error: RunError): Decision {
  return withTidying(end(observed, now, error), observed, endingOf(error));
}

/** Adds to the end of a run that what is left to do is begun. */
export function withTidying(decision: Decision, observed: Observed, ending: Ending): Decision {
  return { ...decision, actions: beginning(observed, tidyingOf(observed, ending)) };
}

/** Ends a run on a node that does not answer: there is only Girder to be told. */
export function endReporting(observed: Observed, now: Date, error: RunError): Decision {
  const tidying = observed.run.spec?.girder?.job && { node: undefined, ending: endingOf(error) };
  return { ...end(observed, now, error), actions: beginning(observed, tidying) };
}

/** Ends a run as soon as what its lost worker left on the node is removed, or cannot be. */
export function endOnceTidied(
  observed: Observed,
  now: Date,
  { error, lostAt }: { error: RunError; lostAt: string },
): Decision {
  const tidying = tidyingOf(observed, endingOf(error));
  if (tidying?.node === undefined) return endTidily(observed, now, error);
  const { tidyJob, tidyRefusal } = observed;
  const left = Date.parse(lostAt) + longestWaitMs - now.getTime();
  const mayFinish = tidyRefusal?.permanent !== true && tidyJob?.finished === undefined;
  const actions = beginning(observed, tidying);
  return mayFinish && left > 0
    ? { ...whileTidying(observed, now, { error, node: tidying.node, left }), actions }
    : { ...end(observed, now, withTheRest(observed, error, tidying.node)), actions };
}

function whileTidying(
  observed: Observed,
  now: Date,
  { error, node, left }: { error: RunError; node: string; left: number },
): Decision {
  const refusal = observed.tidyRefusal?.message;
  const how = refusal === undefined ? '' : `, but not yet: ${refusal}`;
  const message = `${error.sentence} What it left on node ${node} is being removed${how}.`;
  const phase = activePhase(observed.run.status);
  const status = statusOf(observed, now, { phase, reason: phase, message });
  return { actions: [], status, requeueAfterMs: refusal === undefined ? left : Math.min(left, againMs) };
}

/** Says what may not have been removed. */
function withTheRest({ tidyJob, tidyRefusal }: Observed, error: RunError, node: string): RunError {
  if (tidyJob?.finished?.succeeded === true) return error;
  const why = tidyRefusal?.message ?? tidyJob?.finished?.message ?? 'there was no time';
  return new RunError(
    error.reason,
    `${error.message}; what it left on node ${node} may still be there: ${why}`,
  );
}

function activePhase({ phase = 'Pending' }: DockerRunStatus) {
  return isTerminalPhase(phase) || phase === 'Suspended' ? 'Pending' : phase;
}

function beginning({ tidyJob, tidyRefusal }: Observed, tidying: Tidying | undefined): Action[] {
  const isDone = tidying === undefined || tidyJob !== undefined || tidyRefusal !== undefined;
  return isDone ? [] : [{ kind: 'createTidyJob', ...tidying }];
}

function tidyingOf(observed: Observed, ending: Ending): Tidying | undefined {
  const { spec } = observed.run;
  if (spec === undefined || observed.pods.at(-1)?.worker.kind === 'running') return undefined;
  const { journalled, directories } = lastingVolumesOf(spec);
  const node = journalled.length + directories.length > 0 ? nodeOfTheLost(observed) : undefined;
  const isLeft = node !== undefined || spec.girder?.job !== undefined;
  return isLeft ? { node, ending } : undefined;
}

/** A worker cleans up before its final word, unless it is ended by a defect of its own. */
export function hasCleanedUp(word: { readonly reason?: Report['reason'] } | undefined): boolean {
  return word !== undefined && word.reason !== 'WorkerFailed';
}

/** The node of the last worker that ran, if it has not cleaned up. */
function nodeOfTheLost({ run, pods }: Observed): string | undefined {
  // A pod that has vanished may have cleaned up, or not.
  if (pods.length === 0) return run.status.podName === undefined ? undefined : run.status.nodeName;
  const pod = pods.findLast(hasRun);
  const isClean = pod?.worker.kind === 'terminated' && hasCleanedUp(pod.worker.report);
  return isClean ? undefined : pod?.nodeName;
}

/** The pod of a worker that was lost with its node, or evicted, may say nothing about its container. */
function hasRun({ worker, phase }: ObservedPod): boolean {
  return worker.kind !== 'waiting' || phase === 'Failed';
}

function endingOf(error: RunError): Ending {
  return { kind: isCancellation(error.reason) ? 'cancelled' : 'failed', message: error.sentence };
}
