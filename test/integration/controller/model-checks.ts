import { type Attempt, type DockerRunStatus, isTerminalPhase } from '../../../src/api/status.ts';
import { numberAt, parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import type { ClusterRecord, State } from '../../fixtures/cluster-record.ts';
import type { ModelRun } from './model-run.ts';

const versionOf = ({ object }: State) => Number(parseObjectMeta(object).resourceVersion);
const statusOf = ({ object }: State): DockerRunStatus => recordAt(object, 'status');
const phaseOf = ({ object }: State) => textAt(recordAt(object, 'status'), 'phase') ?? '';
const nameOf = (run: ModelRun) => (problem: string) => `${run.name}: ${problem}`;

/** Violations of the invariants in the history of a run: there must be none after any sequence of actions. */
export function brokenPromises(record: ClusterRecord, run: ModelRun): string[] {
  const states = record.statesOf(run.uid);
  const jobs = record.everOf('jobs', run.uid).filter(({ name }) => !name.endsWith('-cleanup'));
  return [
    ...(jobs.length > 1 ? [`${jobs.length} Jobs existed`] : []),
    ...twoPodsAtOnce(record.historyOf('pods', run.uid)),
    ...changesAfterTheEnd(states),
    ...podsAfterTheEnd(states, record.historyOf('pods', run.uid)),
    ...states.flatMap((state) => brokenStatus(state)),
    ...generationsGoingBack(states),
  ].map(nameOf(run));
}

function twoPodsAtOnce(history: readonly State[]): string[] {
  const live = new Set<string>();
  return history.flatMap((state) => {
    const phase = phaseOf(state);
    if (state.isGone || phase === 'Succeeded' || phase === 'Failed') live.delete(state.uid);
    else live.add(state.uid);
    return live.size > 1 ? [`${live.size} pods were active at once`] : [];
  });
}

function changesAfterTheEnd(states: readonly State[]): string[] {
  const ends = states.map(statusOf).map(({ phase, reason, message, completionTime }) => {
    return isTerminalPhase(phase) ? JSON.stringify([phase, reason, message, completionTime]) : undefined;
  });
  const first = ends.findIndex((end) => end !== undefined);
  const after = first === -1 ? [] : ends.slice(first);
  return after.flatMap((end) => (end === after[0] ? [] : [`the end changed from ${after[0]} to ${end}`]));
}

/** The versions of all kinds come from one etcd, so they have one order. */
function podsAfterTheEnd(states: readonly State[], pods: readonly State[]): string[] {
  const end = states.find((state) => isTerminalPhase(statusOf(state).phase));
  if (end === undefined) return [];
  const seen = new Set<string>();
  return pods.flatMap((pod) => {
    const isFirst = !seen.has(pod.uid);
    seen.add(pod.uid);
    return isFirst && versionOf(pod) > versionOf(end) ? [`pod ${pod.name} was created after the end`] : [];
  });
}

function brokenStatus(state: State): string[] {
  const { attemptHistory = [], observedGeneration = -1 } = statusOf(state);
  const generation = numberAt(recordAt(state.object, 'metadata'), 'generation') ?? 0;
  const pods = attemptHistory.map(({ podUID }: Attempt) => podUID);
  return [
    ...(new Set(pods).size < pods.length ? ['a pod is twice in the history of attempts'] : []),
    ...(observedGeneration > generation
      ? [`observed generation ${observedGeneration} does not exist yet`]
      : []),
  ];
}

function generationsGoingBack(states: readonly State[]): string[] {
  const seen = states.map((state) => statusOf(state).observedGeneration ?? -1);
  return seen.flatMap((now, index) => {
    const before = seen[index - 1] ?? -1;
    return now < before ? [`the observed generation went from ${before} back to ${now}`] : [];
  });
}

/** Why a run is not in the state that its user wants, after the last action. */
export function unsettled(record: ClusterRecord, run: ModelRun): string[] {
  if (run.isDeleted) {
    const isGone = !run.exists && run.left.length === 0;
    return isGone ? [] : [`${run.name} is deleted, but these are left: ${run.left.join()}`];
  }
  const last = record.statesOf(run.uid).at(-1);
  if (last === undefined) return [`${run.name} was never seen`];
  const { phase, reason, observedGeneration } = statusOf(last);
  const isCurrent = observedGeneration === recordAt(last.object, 'metadata')['generation'];
  const isAtRest = isTerminalPhase(phase) || (run.isSuspended && phase === 'Suspended');
  const isLate = run.isSuspended && run.livePod !== undefined;
  return isAtRest && isCurrent && !isLate ? [] : [`${run.name} is ${phase} (${reason})`];
}

/** Checks that the end of a run follows from what its pods did and its user wanted. */
export function unfounded(record: ClusterRecord, run: ModelRun, backoffLimit: number): string[] {
  const { phase } = statusOf(record.statesOf(run.uid).at(-1) ?? neverSeen);
  const pods = record.everOf('pods', run.uid);
  const hasSucceeded = pods.some((pod) => phaseOf(pod) === 'Succeeded');
  const failures = pods.filter((pod) => phaseOf(pod) === 'Failed').length;
  const problem = () =>
    `${run.name} is ${phase} after ${failures} failed pods, ${JSON.stringify(hasSucceeded)}`;
  switch (phase) {
    case 'Succeeded':
      return hasSucceeded ? [] : [problem()];
    case 'Failed':
      return failures > backoffLimit && !hasSucceeded ? [] : [problem()];
    case 'Cancelled':
      return run.isCancelled ? [] : [problem()];
    default:
      return [];
  }
}

const neverSeen: State = { uid: '', name: '', object: {}, isGone: true };
