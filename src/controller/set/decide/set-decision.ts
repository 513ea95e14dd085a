import type { CoreV1Event } from '@kubernetes/client-node';
import { isDeepStrictEqual } from 'node:util';
import { defined } from '../../../api/json-values.ts';
import { truncateToBytes } from '../../../api/report.ts';
import type { DockerRunSetStatus, SetCondition } from '../../../api/set/set-status.ts';
import { describe } from '../../../support/errors.ts';
import type { ObservedSet, PlannerQuestion } from '../observe/observed-set.ts';
import { setEventOf } from './set-event.ts';
import type { SetAction, SetInput, SetOutcome, SetVerdict } from './set-outcome.ts';

/** Everything that is written for a set, what to ask its planner, and when to reconcile it again. */
export type SetDecision = {
  readonly actions: readonly SetAction[];
  /** The whole status; undefined when it stays as it is. */
  readonly status: DockerRunSetStatus | undefined;
  readonly event: CoreV1Event | undefined;
  readonly question: PlannerQuestion | undefined;
  /** Whether more would start if the policy had no bound for the Girder of the set. */
  readonly waitsForGirder: boolean;
  readonly requeueAfterMs: number | undefined;
};

/** Derives the decision from an outcome. Only here are conditions and Events made. */
export function setDecisionOf(input: SetInput, outcome: SetOutcome): SetDecision {
  const { verdict, actions = [], question, waitsForGirder = false, requeueAfterMs } = outcome;
  const next = { actions, question, waitsForGirder, requeueAfterMs };
  if (verdict === 'unchanged') return { ...next, status: undefined, event: undefined };
  const status = statusOf(input, outcome.status ?? withLiveChunks(input), verdict);
  const event = setEventOf(input.set, status, input.now);
  return { ...next, status, event };
}

/** The status for a rule that starts nothing, and therefore does not count what is live. */
function withLiveChunks({ status, chunks }: SetInput): DockerRunSetStatus {
  if (status.live === undefined) return status;
  return { ...status, live: { ...status.live, chunks: chunks.filter(({ isLive }) => isLive).length } };
}

/** Bytes of a message: each of the conditions repeats it, and the whole status has at most 16 KiB. */
const maxMessageBytes = 640;

function statusOf(
  { set, now, chunks, planner }: SetInput,
  before: DockerRunSetStatus,
  given: SetVerdict,
): DockerRunSetStatus {
  const message = truncateToBytes(given.message, maxMessageBytes);
  const verdict = { ...given, message };
  const { generation } = set.metadata;
  const { items } = before;
  const { idleSince: _, summary: __, ...others } = before;
  const isIdle = verdict.phase === 'Idle' || verdict.phase === 'Complete';
  const live = {
    chunks: chunks.filter(({ isLive }) => isLive).length,
    target: set.spec?.parallelism ?? 1,
    ...others.live,
    ...defined({ planner: planner.job?.name }),
  };
  const { planner: ___, ...withoutJob } = live;
  return {
    ...others,
    observedGeneration: generation,
    phase: verdict.phase,
    message,
    conditions: conditionsOf(verdict, { before: set.status.conditions ?? [], generation, now }),
    live: planner.job === undefined ? withoutJob : live,
    ...defined({
      summary: items && `${items.done}/${items.seen - items.excluded}`,
      idleSince: isIdle ? (before.idleSince ?? now.toISOString()) : undefined,
    }),
  };
}

type Draft = Pick<SetCondition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * Reconciling and Stalled are present only when true, as kstatus reads them
 * (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): a set that waits for its next pass,
 * or is complete, is ready.
 */
function conditionsOf(
  verdict: SetVerdict,
  { before, generation, now }: { before: readonly SetCondition[]; generation: number; now: Date },
): SetCondition[] {
  return draftsOf(verdict, before).map((draft) => {
    const known = before.find(({ type }) => type === draft.type);
    const isSame = known?.status === draft.status;
    return {
      ...draft,
      lastTransitionTime: isSame ? known.lastTransitionTime : now.toISOString(),
      observedGeneration: generation,
    };
  });
}

function draftsOf(verdict: SetVerdict, before: readonly SetCondition[]): Draft[] {
  const { phase, reason, message, isStalled = false } = verdict;
  const isReady = phase === 'Idle' || phase === 'Complete';
  const said = { reason, message };
  const wasPaused = before.some(({ type }) => type === 'Paused');
  const drafts: Draft[] = [acceptance(verdict, before)];
  drafts.push({ type: 'Ready', status: isReady ? 'True' : 'False', ...said });
  if (phase === 'Paused') drafts.push({ type: 'Paused', status: 'True', ...said });
  else if (wasPaused)
    drafts.push({ type: 'Paused', status: 'False', reason: 'Resumed', message: 'The set is not paused.' });
  if (phase === 'Complete') drafts.push({ type: 'Complete', status: 'True', ...said });
  if (isStalled) drafts.push({ type: 'Stalled', status: 'True', ...said });
  else if (!isReady) drafts.push({ type: 'Reconciling', status: 'True', ...said });
  return drafts;
}

function acceptance(
  { accepted = 'yes', reason, message }: SetVerdict,
  before: readonly SetCondition[],
): Draft {
  if (accepted === 'no') return { type: 'Accepted', status: 'False', reason, message };
  if (accepted === 'yes')
    return {
      ...{ type: 'Accepted', status: 'True', reason: 'Accepted' },
      message: 'The set is valid and allowed.',
    };
  const known = before.find(({ type }) => type === 'Accepted');
  if (known !== undefined)
    return { type: 'Accepted', status: known.status, reason: known.reason, message: known.message };
  return { type: 'Accepted', status: 'Unknown', reason, message: 'The controller has not checked the spec.' };
}

/** The status of a set on which the controller failed: it stays where it was, and shows the error. */
export function setStatusAfterError(
  { metadata: { generation }, status }: Pick<ObservedSet, 'metadata' | 'status'>,
  { error, isRefusal }: { error: unknown; isRefusal: boolean },
  now: Date,
): DockerRunSetStatus {
  const reason = 'ControllerFailed';
  const who = isRefusal
    ? 'The API server refuses a request of the controller, which retries'
    : 'The controller cannot decide about this set because of a defect, and retries';
  const message = truncateToBytes(
    `${who} about once a minute: ${describe(error).toWellFormed()}. Ask your cluster administrator.`,
    maxMessageBytes,
  );
  const before = status.conditions ?? [];
  const since = before.find(({ type }) => type === 'Reconciling')?.lastTransitionTime;
  const reconciling: SetCondition = {
    ...{ type: 'Reconciling', status: 'True', reason, message },
    ...{ lastTransitionTime: since ?? now.toISOString(), observedGeneration: generation },
  };
  const others = before.filter(({ type }) => type !== 'Reconciling');
  return { ...status, message, conditions: [...others, reconciling] };
}

/** How a status differs from the stored one: what people and tools wait for is a milestone. */
export function setChangeOf(
  before: DockerRunSetStatus,
  after: DockerRunSetStatus,
): 'none' | 'milestone' | 'progress' {
  const [old, next] = [stored(before), stored(after)];
  if (isDeepStrictEqual(old, next)) return 'none';
  return isDeepStrictEqual(milestones(old), milestones(next)) ? 'progress' : 'milestone';
}

/** As the API server stores it: without fields that have no value. */
function stored(status: DockerRunSetStatus): DockerRunSetStatus {
  return JSON.parse(JSON.stringify(status)) as DockerRunSetStatus;
}

function milestones({ phase, conditions = [], observedGeneration, pass }: DockerRunSetStatus): unknown {
  const held = conditions.map(({ type, status, reason }) => [type, status, reason]);
  return [phase, observedGeneration, held, pass?.number, pass?.finishTime, pass?.problems, pass?.plannerUID];
}
