import type { DockerRunSetStatus, SetCondition } from '../../../api/set/set-status.ts';
import { failureReasons, isFailureReason } from '../../../api/reasons.ts';
import { receiptKey, sharedKey } from '../../../api/set/receipt.ts';
import type { FailureGroup } from '../../../api/set/window.ts';
import { mayPass } from './counting.ts';
import { type AcceptedInput, safetyMs, type SetOutcome, withoutPlanner } from './set-outcome.ts';

/** Pauses: the set starts nothing more until a person changes its spec, or the metadata in Girder. */

/** Inputs that have to end before a percentage means something. */
const leastForPercent = 20;

/** Chunks in a row that fail as a whole for a reason that is not of Girder, a node or the network. */
const mostWholeFailures = 3;

/** The reasons of a pause that a change of the spec ends; the others end by themselves. */
const lasting: ReadonlySet<string> = new Set([
  'CanaryFailed',
  'FailureBudgetExceeded',
  'ChunksFailed',
  'ChunkRefused',
  'PassRefused',
]);

/** The condition of a pause that lasts until the spec changes; undefined when the set is not paused. */
function lastingPause({ conditions = [] }: DockerRunSetStatus): SetCondition | undefined {
  const paused = conditions.find(({ type, status }) => type === 'Paused' && status === 'True');
  return paused !== undefined && lasting.has(paused.reason) ? paused : undefined;
}

/** The set is paused, and its spec is that of the pause. */
export function pausedSet(input: AcceptedInput): SetOutcome | undefined {
  const { set, status } = input;
  const pause = lastingPause(set.status);
  if (pause === undefined || pause.observedGeneration !== set.metadata.generation) return undefined;
  return paused(input, { reason: pause.reason, message: pause.message, status });
}

/** The status of a set that a change of its spec has resumed: the failures before it do not count again. */
export function withoutPause(status: DockerRunSetStatus, generation: number): DockerRunSetStatus {
  const pause = lastingPause(status);
  if (pause === undefined || pause.observedGeneration === generation) return status;
  return withoutFailures(status);
}

/** The counts of failures begin again, as with another template; what the planner lists holds what was before. */
export function withoutFailures(status: DockerRunSetStatus): DockerRunSetStatus {
  const { consecutive: _, ended: __, failures: ___, pass, ...others } = status;
  if (pass === undefined) return others;
  const { problems: _1, problemTime: _2, earlierSucceeded: _3, earlierFailed: _4, ...current } = pass;
  return { ...others, pass: current };
}

export function canaryFailed(input: AcceptedInput): SetOutcome | undefined {
  const { set, status } = input;
  const { canary } = set.spec;
  const { succeeded, failed } = status.ended ?? { succeeded: 0, failed: 0 };
  if (canary === 0 || succeeded >= canary || failed < canary) return undefined;
  const message = `${failed} of the first ${succeeded + failed} inputs failed, of which ${canary} have to succeed before the others start. ${topFailure(status)}`;
  return paused(input, { reason: 'CanaryFailed', message, status });
}

export function budgetExceeded(input: AcceptedInput): SetOutcome | undefined {
  const { set, status } = input;
  const { percent, consecutive: mostInARow } = set.spec.failureBudget ?? {};
  const { succeeded, failed } = status.ended ?? { succeeded: 0, failed: 0 };
  const total = succeeded + failed;
  const inARow = status.consecutive?.count ?? 0;
  const exceeded =
    percent !== undefined && total >= leastForPercent && failed * 100 > percent * total
      ? `${failed} of ${total} inputs of this pass failed, more than ${percent} % (spec.failureBudget.percent)`
      : mostInARow !== undefined && inARow >= mostInARow
        ? `${inARow} failures in a row have the reason ${status.consecutive?.reason} (spec.failureBudget.consecutive)`
        : undefined;
  if (exceeded === undefined) return undefined;
  const message = `${exceeded}. ${topFailure(status)}`;
  return paused(input, { reason: 'FailureBudgetExceeded', message, status });
}

/** Whole chunks that failed as any other would: without credentials, without an image. */
export function chunksFailed(input: AcceptedInput): SetOutcome | undefined {
  const { status, chunks } = input;
  const { reason = '', count = 0 } = status.consecutive ?? {};
  const isWhole = chunks.some(
    (chunk) => !chunk.isLive && chunk.phase === 'Failed' && chunk.reason === reason,
  );
  if (!isWhole || count < mostWholeFailures || reason === '' || mayPass(reason)) return undefined;
  const message = `${count} DockerRuns in a row failed with ${reason}, which is not the fault of one input. ${topFailure(status)}`;
  return paused(input, { reason: 'ChunksFailed', message, status });
}

/** What the planner cannot do without a person: it lacks access, or too much is gone at once. */
export function passRefused(input: AcceptedInput): SetOutcome | undefined {
  const { status, planner } = input;
  const { state, reason = 'Unknown', message = '' } = planner.report ?? {};
  if (state !== 'Failed' || !needsPerson(reason)) return undefined;
  const text = `The planner of the pass stopped with ${reason}: ${message}`;
  return paused(input, { reason: 'PassRefused', message: text, status });
}

/** True for a reason of the planner that another planner would have as well. */
export function needsPerson(reason: string): boolean {
  return isFailureReason(reason) ? failureReasons[reason].category === 'spec' : reason !== 'Unknown';
}

/** What the API server refused for good when it was asked in this reconcile. */
export function refusedByServer(input: AcceptedInput): SetOutcome | undefined {
  const { chunkRefusal, plannerRefusal, status } = input;
  const refusal = [chunkRefusal, plannerRefusal].find((one) => one?.permanent === true);
  if (refusal === undefined) return undefined;
  const message = `The API server refuses what the set creates: ${refusal.message}`;
  return paused(input, { reason: 'ChunkRefused', message, status });
}

/** The planner stays, because only it sees the end of this pause. */
export function pausedInGirder({ set, planner, chunks }: AcceptedInput): SetOutcome | undefined {
  const { report, pod } = planner;
  if (report?.pause !== true || pod === undefined) return undefined;
  const live = chunks.filter(({ isLive }) => isLive).length;
  const isBeside = set.spec.results.place === 'Input';
  const [folder, key] = isBeside ? ['source', sharedKey(set.metadata.name)] : ['results', receiptKey];
  const message = `The metadata of the ${folder} folder in Girder asks for a pause (${key}.pause). ${live} DockerRuns that run are completed.`;
  return { verdict: { phase: 'Paused', reason: 'PausedInGirder', message }, requeueAfterMs: safetyMs };
}

function paused(
  input: AcceptedInput,
  { reason, message, status }: { reason: string; message: string; status: DockerRunSetStatus },
): SetOutcome {
  return {
    verdict: { phase: 'Paused', reason, message, isStalled: true },
    status,
    actions: withoutPlanner(input),
    requeueAfterMs: safetyMs,
  };
}

function topFailure({ failures = [] }: DockerRunSetStatus): string {
  const [top] = failures.toSorted((a, b) => b.count - a.count);
  return `${top === undefined ? '' : sentenceOf(top)}Change the spec (or set spec.retryFailed to a new value) to continue.`;
}

function sentenceOf({ reason, message, examples }: FailureGroup): string {
  const names = examples.map(({ name }) => name).join(', ');
  const where = names === '' ? '' : `, as with ${names}`;
  return `Most often: ${reason}${where}${message === undefined ? '' : `: ${message.slice(0, 200).toWellFormed()}`}. `;
}
