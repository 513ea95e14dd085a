import { girderPage } from '../../api/girder-page.ts';
import type { Reason } from '../../api/reasons.ts';
import { type Report, truncateToBytes } from '../../api/report.ts';
import {
  type Condition,
  type DockerRunStatus,
  isTerminalPhase,
  type Progress,
  type Result,
} from '../../api/status.ts';
import { defined } from '../../api/json-values.ts';
import { describe } from '../../support/errors.ts';
import { mayHaveNoJob, type ObservedRun } from '../observe/observed.ts';
import { attemptHistory, closed, countAttempts, withGivenUp } from './attempts.ts';
import type { Action, Decision, Input, Outcome, Verdict } from './outcome.ts';
import { countDisruptions } from './disruptions.ts';
import { eventOf } from './run-event.ts';

/** Derives the decision from an outcome. Only here are a status, its conditions and its Event made. */
export function decisionOf(input: Input, outcome: Outcome): Decision {
  const { actions = [], requeueAfterMs } = outcome;
  const status = nextStatus(input, outcome);
  const event = status && eventOf(input.run, status, input.now);
  return { actions, status, event, requeueAfterMs };
}

function nextStatus(input: Input, outcome: Outcome): DockerRunStatus | undefined {
  const { verdict } = outcome;
  if (verdict === 'unchanged') return undefined;
  return verdict === 'reobserved' ? reobserved(input.run) : statusOf(input, { ...outcome, verdict });
}

/**
 * The status of an ended run whose spec was changed since; its time to live may be changed. kstatus and
 * `kubectl wait` do not trust a status of an older generation.
 */
function reobserved({ metadata: { generation }, status }: ObservedRun): DockerRunStatus | undefined {
  const { observedGeneration, conditions = [] } = status;
  if (observedGeneration === undefined || observedGeneration === generation) return undefined;
  return {
    ...status,
    observedGeneration: generation,
    conditions: conditions.map((condition) => ({ ...condition, observedGeneration: generation })),
  };
}

/** A later decision concludes from these what the controller did before; only the conditions show the error then. */
const isNeeded = (status: DockerRunStatus) => mayHaveNoJob(status) || status.reason === 'Retrying';

/**
 * The status of a run on which the controller failed: it stays where it was, and shows the error. The observed generation
 * stays as well, because nothing has followed from a newer spec.
 */
export function statusAfterError(
  { metadata: { generation }, status }: Pick<ObservedRun, 'metadata' | 'status'>,
  { error, isRefusal }: { error: unknown; isRefusal: boolean },
  now: Date,
): DockerRunStatus {
  const reason = 'ControllerFailed';
  const cause = describe(error).slice(0, maxMessageBytes).toWellFormed();
  const advice = isRefusal
    ? `The API server refuses a request of the controller, which retries about once a minute: ${cause}. Ask your cluster administrator about the policies and webhooks of the cluster.`
    : `The controller cannot decide about this run because of a defect, and retries about once a minute: ${cause}. Ask your cluster administrator to report the defect, with the log of the controller.`;
  const message = truncateToBytes(advice, maxMessageBytes);
  const { conditions: before = [], phase = 'Pending' } = status;
  const added = (type: string, state: Condition['status']): Condition => ({
    ...{ type, status: state, reason, message },
    ...{ lastTransitionTime: now.toISOString(), observedGeneration: generation },
  });
  const since = before.find((one) => one.type === 'Reconciling')?.lastTransitionTime;
  const reconciling = { ...added('Reconciling', 'True'), ...defined({ lastTransitionTime: since }) };
  const others = before.filter(({ type }) => type !== 'Reconciling');
  const accepted = others.some(({ type }) => type === 'Accepted') ? [] : [added('Accepted', 'Unknown')];
  const conditions = [...accepted, ...others, reconciling];
  return { ...status, phase, ...(isNeeded(status) ? {} : { reason, message }), conditions };
}

/** The limit of a message, which the status and each condition repeat, and which may quote a long error. */
const maxMessageBytes = 4_096;

type OutcomeWithStatus = Omit<Outcome, 'verdict'> & { readonly verdict: Verdict };

/** The status for a verdict, with what is known of the newest pod; the rest stays as it was. */
function statusOf(input: Input, outcome: OutcomeWithStatus): DockerRunStatus {
  const { run, pods, now } = input;
  const message = truncateToBytes(outcome.verdict.message, maxMessageBytes);
  const verdict: Verdict = { ...outcome.verdict, message };
  const pod = pods.at(-1);
  const before = ofSameAttempt(run.status, pod?.name);
  const isEnd = isTerminalPhase(verdict.phase);
  const history = attemptHistory(before.attemptHistory ?? [], input, now);
  const known = withGivenUp(history, outcome.givenUp, now);
  const attempts = isEnd ? closed(known, verdict, now) : known;
  const after: DockerRunStatus = defined({
    observedGeneration: run.metadata.generation,
    phase: verdict.phase,
    reason: verdict.reason,
    message,
    conditions: conditionsOf(
      { ...verdict, isChecked: outcome.isChecked ?? true },
      run.metadata.generation,
      before,
      now.toISOString(),
    ),
    attempts: countAttempts(before, input),
    disruptions: countDisruptions(before, input) || undefined,
    failedAttempts: outcome.failedAttempts ?? before.failedAttempts,
    attemptHistory: attempts.length === 0 ? undefined : attempts,
    ...jobOf(input, before, outcome.actions),
    podName: pod?.name,
    nodeName: pod?.nodeName,
    ...fromReport(outcome.report, verdict, run),
    completionTime: isEnd ? (outcome.endedAt ?? now.toISOString()) : undefined,
  });
  return { ...before, ...after };
}

/**
 * Without progress, which is momentary, and without target, transfers and results of an earlier attempt. What became
 * of the inputs of forEach stays until the next attempt reports it: their results are in Girder.
 */
function ofSameAttempt(status: DockerRunStatus, podName: string | undefined): DockerRunStatus {
  const { progress: _, ...before } = status;
  if (podName === undefined || before.podName === undefined || before.podName === podName) return before;
  const { target: __, transfers: ___, results: ____, resultCount: _____, ...others } = before;
  return others;
}

/** The Job that exists or is about to be created. */
function jobOf(
  { job, now }: Input,
  before: DockerRunStatus,
  actions: readonly Action[] = [],
): { jobName?: string | undefined; startTime?: string | undefined } {
  if (job !== undefined) return { jobName: job.name, startTime: before.startTime ?? job.creationTimestamp };
  const created = actions.find((action) => action.kind === 'createJob');
  return created === undefined ? {} : { jobName: created.job.metadata?.name, startTime: now.toISOString() };
}

const done: Progress = { message: 'Everything is done.', percent: 100, summary: '100%' };

/** What the report adds to phase, reason and message; of ended runs, only a success has a progress. */
function fromReport(
  report: Report | undefined,
  { phase }: Verdict,
  { spec }: ObservedRun,
): {
  [Field in 'target' | 'transfers' | 'results' | 'resultCount' | 'items' | 'progress']?:
    DockerRunStatus[Field] | undefined;
} {
  const { target, transfers, resultCount, items, progress } = report ?? {};
  const results = report?.results?.map((result) => withPage(result, spec?.girder?.apiUrl));
  const atEnd = phase === 'Succeeded' ? done : undefined;
  const lasting = { target, transfers, results, resultCount, items };
  return { ...lasting, progress: isTerminalPhase(phase) ? atEnd : progress };
}

/** Longer addresses would make the list of results too large. */
const maxAddress = 500;

/** The result with the address of its item in Girder's web client. */
function withPage(result: Result, apiUrl = ''): Result {
  const url = apiUrl.length > maxAddress ? undefined : girderPage(apiUrl, `item/${result.itemId}`);
  return url === undefined ? result : { ...result, url };
}

type CheckedVerdict = Verdict & Pick<OutcomeWithStatus, 'isChecked'>;

type Draft = { type: string; status: Condition['status']; reason: Reason; message: string };

/**
 * The conditions of a verdict. Complete and Failed are those of a Job; Reconciling and Stalled are present
 * only when true, as kstatus reads them
 * (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
 */
export function conditionsOf(
  verdict: CheckedVerdict,
  generation: number,
  previous: DockerRunStatus,
  now: string,
): Condition[] {
  return [...drafts(verdict), ...suspension(verdict, previous)].map(({ type, status, reason, message }) => {
    const before = previous.conditions?.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      observedGeneration: generation,
    };
  });
}

/** No status claims what was not checked: the policy could not be read, or the run was stopped before. */
function acceptance(verdict: CheckedVerdict): Draft {
  const { phase, reason, message, isChecked = true } = verdict;
  if ((phase === 'Failed' || phase === 'Cancelled') && !verdict.accepted)
    return { type: 'Accepted', status: 'False', reason, message };
  return isChecked
    ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The run is valid and allowed.' }
    : { type: 'Accepted', status: 'Unknown', reason, message: 'The controller has not checked the spec.' };
}

function drafts(verdict: CheckedVerdict): Draft[] {
  const { phase, reason, message } = verdict;
  const accepted = acceptance(verdict);
  switch (phase) {
    case 'Succeeded':
      return [accepted, { type: 'Complete', status: 'True', reason, message }];
    case 'Failed':
    case 'Cancelled':
      return [
        accepted,
        { type: 'Failed', status: 'True', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
      ];
    case 'Pending':
    case 'Suspended':
    case 'Preparing':
    case 'Running':
    case 'Uploading':
      return [accepted, { type: 'Reconciling', status: 'True', reason, message }];
  }
}

/**
 * Like a Job, a run has the condition Suspended only once it has been suspended. While its last pod is
 * ending, it is Unknown, so that a resume before the end of the pod is a transition, to False, and has a
 * time.
 */
function suspension({ phase, reason, message }: Verdict, previous: DockerRunStatus): Draft[] {
  if (phase === 'Suspended') return [{ type: 'Suspended', status: 'True', reason, message }];
  if (reason === 'Suspending') return [{ type: 'Suspended', status: 'Unknown', reason, message }];
  const wasSuspended = previous.conditions?.some(({ type }) => type === 'Suspended') ?? false;
  if (!wasSuspended) return [];
  const no = { type: 'Suspended', status: 'False', message: 'The run is not suspended.' } as const;
  return [{ ...no, reason: isTerminalPhase(phase) ? reason : 'Resumed' }];
}
