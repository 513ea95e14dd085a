import { isFailureReason } from '../../api/reasons.ts';
import type { Report } from '../../api/report.ts';
import { type ActivePhase, type Attempt, type Phase, phaseMessages } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import { countAttempts } from './attempt-history.ts';
import { beforeTheJob } from './before-the-job.ts';
import { type Action, type Decision, isCancelled, isTerminal, nothing, type Observed } from './decision.ts';
import { carriedOver, end, endAs, failure, statusOf, success, withReport } from './next-status.ts';
import { nextLookAtWorker } from './next-look.ts';
import { finalWordOf, type ObservedJob, type ObservedPod } from '../observe/observed.ts';
import type { Policy } from '../policy/policy.ts';
import { isFinal } from './retries.ts';
import { isLate } from './start-clock.ts';
import { waiting } from './still-waiting.ts';
import {
  isGoing,
  isLost,
  lossOfNode,
  whileCancelling,
  whileDeleted,
  whileGivenUp,
  whileSuspended,
} from './stopping.ts';
import { endOnceTidied, endReporting, endTidily, hasCleanedUp, withTidying } from './tidying.ts';
import { type Obstacle, waitingFor } from './waiting.ts';

/** When a run is looked at again whose leftovers are still being removed, though its time is over. */
const tidyingMs = 5_000;

/** Decides what happens to a run next. Pure and total: the same observation gives the same decision. */
export function decide(observed: Observed, now: Date, policy: Policy): Decision {
  const { run, job } = observed;
  if (isGoing(run)) return whileDeleted(observed);
  if (isTerminal(run.status)) return afterTheEnd(observed, now);
  if (job !== undefined && job.ownerUid !== run.metadata.uid) {
    const problem = `a Job ${job.name} that is not of this run exists in namespace ${job.namespace}`;
    return end(observed, now, new RunError('JobRefused', problem));
  }
  if (job?.finished !== undefined) return whenTheJobEnded(observed, job, now);
  if (isCancelled(run)) return whileCancelling(observed, now);
  return job === undefined ? beforeTheJob(observed, now, policy) : whileTheJobRuns(observed, job, now);
}

/** Terminal is final: what is left is to stop a Job that still runs, and to delete the run in its time. */
function afterTheEnd(observed: Observed, now: Date): Decision {
  const { run, job } = observed;
  const isStopped = job === undefined || job.finished !== undefined || job.deletionTimestamp !== undefined;
  const mustStop = !isStopped && (run.status.phase !== 'Succeeded' || wouldRunAgain(observed, job));
  const actions: Action[] =
    mustStop && job.ownerUid === run.metadata.uid
      ? [{ kind: 'deleteJob', name: job.name, uid: job.uid }]
      : [];
  const left = leftOfTheRun(observed, now);
  const status = carriedOver(run);
  if (left === undefined) return { ...nothing(), actions, status };
  return left <= 0
    ? { ...nothing(), actions: [{ kind: 'deleteRun' }] }
    : { actions, status, requeueAfterMs: left };
}

/** A Job that was suspended before it counted a success runs the target once more when a queue lets it go on. */
function wouldRunAgain({ pods }: Observed, { suspendedBy }: ObservedJob): boolean {
  const counts = (pod: ObservedPod) => hasSucceeded(pod) && pod.deletionTimestamp === undefined;
  return suspendedBy !== undefined && !pods.some(counts);
}

/** How many milliseconds a run that has ended is still kept, if it is not kept for ever. */
function leftOfTheRun({ run, tidyJob }: Observed, now: Date): number | undefined {
  const ttl = run.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || run.status.completionTime === undefined) return undefined;
  if (run.metadata.deletionTimestamp !== undefined) return undefined;
  const left = Date.parse(run.status.completionTime) + ttl * 1000 - now.getTime();
  // It would be deleted with the run; its own deadline keeps it from holding the run for long.
  const isTidying = tidyJob !== undefined && tidyJob.finished === undefined;
  return isTidying ? Math.max(left, tidyingMs) : left;
}

function whileTheJobRuns(observed: Observed, job: ObservedJob, now: Date): Decision {
  if (observed.namespaceEnds) {
    return end(observed, now, new RunError('Cancelled', `namespace ${job.namespace} is being deleted`));
  }
  const pod = observed.pods.at(-1);
  if (pod === undefined || !hasSucceeded(pod)) {
    const suspended = whileSuspended(observed, now);
    if (suspended !== undefined) return suspended;
  }
  return pod === undefined
    ? waiting(observed, now, podlessMessage(observed, job))
    : withPod(observed, pod, now);
}

function hasSucceeded(pod: ObservedPod): boolean {
  return finalWordOf(pod)?.phase === 'Succeeded';
}

function withPod(observed: Observed, pod: ObservedPod, now: Date): Decision {
  switch (pod.worker.kind) {
    case 'waiting': {
      const lost = lostWithNode(observed, pod, now);
      if (lost !== undefined) return lost;
      const wait = waitingFor(pod, { spec: observed.run.spec, mountFailure: observed.mountFailure }, now);
      if (wait.failure !== undefined) return endTidily(observed, now, wait.failure);
      return waiting(observed, now, wait.message);
    }
    case 'running':
      return (
        tooLateToStart(observed, now) ??
        lostWithNode(observed, pod, now) ??
        whileTheWorkerRuns(observed, pod, now)
      );
    case 'terminated':
      return whenTheWorkerEnded({ ...observed, live: pod.worker.report }, pod, now);
  }
}

function podlessMessage({ podRefusal }: Observed, job: ObservedJob): string {
  return podRefusal === undefined
    ? `The Job ${job.name} has no pod yet.`
    : `The Job ${job.name} cannot create its pod: ${podRefusal.message}`;
}

/** A success is final; after a failure the Job's own verdict follows: another pod, after its backoff, or the end. */
function whenTheWorkerEnded(observed: Observed, pod: ObservedPod, now: Date): Decision {
  const { live: word, run, podRefusal } = observed;
  if (word?.phase === 'Succeeded')
    return endAs(observed, now, { verdict: success(word), word, at: now.toISOString() });
  const isDone = isFinal(word?.reason);
  if (pod.disruption !== undefined && !isDone)
    return whileAnotherFollows(observed, now, takenAway(pod.name, pod.disruption));
  const isLast = pod.failuresBefore >= (run.spec?.backoffLimit ?? 0) || isDone;
  if (isLast) return whileTheWorkerRuns(observed, pod, now);
  return whileAnotherFollows(
    observed,
    now,
    retryMessage(countAttempts(run.status, observed), podRefusal, word),
  );
}

/** What the worker said of the attempt that has ended stands until there is another one. */
function whileAnotherFollows(observed: Observed, now: Date, message: string): Decision {
  const { status, ...decision } = waiting(observed, now, message);
  if (status === undefined || observed.live === undefined) return { ...decision, status };
  const { progress: _, ...word } = observed.live;
  return { ...decision, status: withReport(status, word) };
}

function takenAway(pod: string, { reason, message }: NonNullable<ObservedPod['disruption']>): string {
  return `Pod ${pod} was taken away (${reason}: ${message}); another one follows.`;
}

function retryMessage(attempts: number, refusal: Obstacle | undefined, word: Report | undefined): string {
  const next =
    refusal === undefined ? 'another one follows' : `the next one cannot start: ${refusal.message}`;
  // What its worker would have whoever stopped it do is for a run that ends with it.
  const why = word?.reason === 'Cancelled' ? 'Its pod was told to end.' : (word?.message ?? '');
  return `Attempt ${attempts} failed, ${next}. ${why}`.trimEnd();
}

/** With podReplacementPolicy Failed, a pod on a node that is gone would run for ever. */
function lostWithNode({ live, ...observed }: Observed, pod: ObservedPod, now: Date): Decision | undefined {
  if (live !== undefined || !isLost(pod, now)) return undefined;
  return endReporting({ live, ...observed }, now, new RunError('WorkerLost', lossOfNode(pod)));
}

/** A worker that says it is still preparing when its time is over; one that does not answer is left to its own clock. */
function tooLateToStart(observed: Observed, now: Date): Decision | undefined {
  if (observed.live?.phase !== 'Preparing' || !isLate(observed, now)) return undefined;
  const doing = observed.live.progress?.message ?? 'pulling and downloading';
  return end(
    observed,
    now,
    new RunError('StartDeadlineExceeded', `the run was still being prepared: ${doing}`),
  );
}

function whileTheWorkerRuns(observed: Observed, pod: ObservedPod, now: Date): Decision {
  const { run, live } = observed;
  const samePod = run.status.podName === pod.name;
  const before = samePod ? activePhase(run.status.phase) : undefined;
  const phase = activePhase(live?.phase) ?? before ?? 'Preparing';
  const message = live?.progress?.message ?? phaseMessages[phase];
  const status = withReport(statusOf(observed, now, { phase, reason: phase, message }), live);
  return { actions: [], status, requeueAfterMs: nextLookAtWorker(observed, pod, now) };
}

function activePhase(phase: Phase | undefined): ActivePhase | undefined {
  return phase === 'Preparing' || phase === 'Running' || phase === 'Uploading' ? phase : undefined;
}

function whenTheJobEnded(observed: Observed, job: ObservedJob, now: Date): Decision {
  const pod = lastEndedPod(observed.pods);
  const word = finalWordOf(pod);
  const told = word ?? toldBefore(observed);
  const at = job.finished?.at ?? now.toISOString();
  if (job.finished?.succeeded === true) return endAs(observed, now, { verdict: success(word), word, at });
  const stopping = whileStopping(observed, job, { word, now });
  if (stopping !== undefined) return stopping;
  if (isFailureReason(told?.reason)) {
    const verdict = failure(told.reason, told.message ?? '');
    const ended = endAs(observed, now, { verdict, word, at });
    const ending = { kind: 'failed', message: verdict.message } as const;
    return hasCleanedUp(told) ? ended : withTidying(ended, observed, ending);
  }
  return endOnceTidied(observed, now, { error: new RunError('WorkerLost', lossOf(pod, job)), lostAt: at });
}

/** What the last worker said, of which the status tells: a pod that somebody deletes is gone when its Job ends. */
function toldBefore({ run, pods }: Observed): Pick<Attempt, 'reason' | 'message'> | undefined {
  const last = pods.length === 0 ? run.status.attemptHistory?.at(-1) : undefined;
  return last?.completionTime === undefined || last.reason === 'WorkerLost' ? undefined : last;
}

/** A Job that is deleted since its run is cancelled or suspended fails, for the pods that are told to end. */
function whileStopping(
  observed: Observed,
  job: ObservedJob,
  { word, now }: { word: Report | undefined; now: Date },
): Decision | undefined {
  if ((word?.reason ?? 'Cancelled') !== 'Cancelled') return undefined;
  return isCancelled(observed.run) ? whileCancelling(observed, now) : whileGivenUp(observed, job, now);
}

function lastEndedPod(pods: readonly ObservedPod[]): ObservedPod | undefined {
  return pods.findLast((pod) => pod.worker.kind === 'terminated') ?? pods.at(-1);
}

function lossOf(pod: ObservedPod | undefined, job: ObservedJob): string {
  if (pod === undefined) return `the pod is gone; its Job says: ${job.finished?.message ?? 'nothing'}`;
  const worker =
    pod.worker.kind === 'terminated'
      ? `: the worker ended with ${pod.worker.reason || 'exit code'} ${pod.worker.exitCode}`
      : '';
  const why = [pod.reason, pod.message].filter((text) => text !== undefined && text !== '').join(', ');
  return `pod ${pod.name}${pod.nodeName === undefined ? '' : ` on node ${pod.nodeName}`} ended without a final word${worker}${why === '' ? '' : ` (${why})`}`;
}
