import { jobName } from '../api/names.ts';
import { isFailureReason } from '../api/reasons.ts';
import type { Report } from '../api/report.ts';
import type { Phase } from '../api/status.ts';
import { validateSpec } from '../api/validate.ts';
import { RunError } from '../support/errors.ts';
import type { Verdict } from './conditions.ts';
import { type Action, type Decision, isTerminal, nothing, type Observed } from './decision.ts';
import { end, endAs, statusOf, success, withReport } from './next-status.ts';
import type { ObservedJob, ObservedPod, ObservedRun } from './observed.ts';
import { refusedByPolicy, type Policy } from './policy.ts';
import { isFinal } from './retries.ts';
import { isLate, lateInMs } from './start-clock.ts';
import { endOnceTidied, endReporting, endTidily, hasCleanedUp, withTidying } from './tidying.ts';
import { type Obstacle, waitingFor } from './waiting.ts';

/** How often a worker is asked: its first phases are short, and what a target does is mostly nothing new. */
const pollMs = { Pending: 5_000, Preparing: 1_000, Running: 3_000, Uploading: 1_000 } as const;

/** When a worker is asked again that waits for nothing but that. */
const lastWordsMs = 500;

/** Decides what happens to a run next. Pure and total: the same observation gives the same decision. */
export function decide(observed: Observed, now: Date, policy: Policy): Decision {
  const { run, job } = observed;
  if (run.metadata.deletionTimestamp !== undefined) return nothing();
  if (isTerminal(run.status)) return afterTheEnd(observed, now);
  if (job === undefined) return beforeTheJob(observed, now, policy);
  if (job.ownerUid !== run.metadata.uid) {
    const problem = `a Job ${job.name} that is not of this run exists in namespace ${job.namespace}`;
    return end(observed, now, new RunError('JobRefused', problem));
  }
  return job.finished === undefined
    ? whileTheJobRuns(observed, job, now)
    : whenTheJobEnded(observed, job, now);
}

/** Terminal is final: what is left is to stop a Job that still runs, and to delete the run in its time. */
function afterTheEnd(observed: Observed, now: Date): Decision {
  const { run, job } = observed;
  const mustStop = run.status.phase === 'Failed' && job?.finished === undefined;
  const actions: Action[] =
    job !== undefined && mustStop && job.ownerUid === run.metadata.uid
      ? [{ kind: 'deleteJob', name: job.name, uid: job.uid }]
      : [];
  const left = leftOfTheRun(observed, now);
  if (left === undefined) return { ...nothing(), actions };
  return left <= 0
    ? { ...nothing(), actions: [{ kind: 'deleteRun' }] }
    : { ...nothing(), actions, requeueAfterMs: left };
}

/** How many milliseconds a run that has ended is still kept, if it is not kept for ever. */
function leftOfTheRun({ run, tidyJob }: Observed, now: Date): number | undefined {
  const ttl = run.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || run.status.completionTime === undefined) return undefined;
  const left = Date.parse(run.status.completionTime) + ttl * 1000 - now.getTime();
  // It would be deleted with the run; its own deadline keeps it from holding the run for long.
  const isTidying = tidyJob !== undefined && tidyJob.finished === undefined;
  return isTidying ? Math.max(left, pollMs.Pending) : left;
}

function beforeTheJob(observed: Observed, now: Date, policy: Policy): Decision {
  const { run, jobRefusal } = observed;
  if (run.status.jobName !== undefined && jobRefusal === undefined) {
    return endTidily(observed, now, new RunError('JobDeleted', `the Job ${run.status.jobName} is gone`));
  }
  if (policy.problem !== undefined) {
    const message = `The operator's policy is invalid, its administrator must mend it: ${policy.problem}`;
    // Nothing is started for a run that is not allowed yet.
    return isLate(observed, now) ? end(observed, now, tooLate(message)) : waiting(observed, now, message);
  }
  const refusal = refused(run, policy);
  if (refusal !== undefined) return end(observed, now, refusal, { accepted: false });
  if (jobRefusal === undefined) {
    if (isLate(observed, now)) return waiting(observed, now, 'The controller did not see it in time.');
    const created: Verdict = { phase: 'Pending', reason: 'Pending', message: 'The Job was created.' };
    const status = {
      ...statusOf(observed, now, created),
      jobName: jobName(run.metadata),
      startTime: now.toISOString(),
    };
    return { actions: [{ kind: 'createJob' }], status, requeueAfterMs: undefined };
  }
  if (jobRefusal.permanent) return endTidily(observed, now, new RunError('JobRefused', jobRefusal.message));
  return waiting(observed, now, `The API server refuses the Job for now: ${jobRefusal.message}`);
}

function refused(run: ObservedRun, policy: Policy): RunError | undefined {
  if (run.spec === undefined) return new RunError('InvalidSpec', run.problem);
  const problems = validateSpec(run.spec);
  if (problems.length > 0) return new RunError('InvalidSpec', inOneSentence(problems));
  return refusedByPolicy(run.spec, policy);
}

const mostProblems = 5;

function inOneSentence(problems: readonly string[]): string {
  const more = problems.length - mostProblems;
  return problems.slice(0, mostProblems).join('; ') + (more > 0 ? `; and ${more} more problems` : '');
}

function whileTheJobRuns(observed: Observed, job: ObservedJob, now: Date): Decision {
  if (observed.namespaceEnds) {
    return end(observed, now, new RunError('Cancelled', `namespace ${job.namespace} is being deleted`));
  }
  const pod = observed.pods.at(-1);
  if (pod === undefined) return waiting(observed, now, podlessMessage(observed, job));
  switch (pod.worker.kind) {
    case 'waiting': {
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
  const { live: word, run, job, podRefusal } = observed;
  if (word?.phase === 'Succeeded')
    return endAs(observed, now, { verdict: success(word), word, at: now.toISOString() });
  const attempts = Math.max(job?.attempts ?? 0, observed.pods.length);
  const isLast = pod.failuresBefore >= (run.spec?.backoffLimit ?? 0) || isFinal(word?.reason);
  if (isLast) return whileTheWorkerRuns(observed, pod, now);
  return waiting(observed, now, retryMessage(attempts, podRefusal, word));
}

function retryMessage(attempts: number, refusal: Obstacle | undefined, word: Report | undefined): string {
  const next =
    refusal === undefined ? 'another one follows' : `the next one cannot start: ${refusal.message}`;
  return `Attempt ${attempts} failed, ${next}. ${word?.message ?? ''}`.trimEnd();
}

/** How long after a pod should be gone a silent worker counts as lost with its node. */
const goneGraceMs = 120_000;

/** With podReplacementPolicy Failed, a pod on a node that is gone would run for ever. */
function lostWithNode({ live, ...observed }: Observed, pod: ObservedPod, now: Date): Decision | undefined {
  if (live !== undefined || pod.deletionTimestamp === undefined) return undefined;
  if (now.getTime() - Date.parse(pod.deletionTimestamp) < goneGraceMs) return undefined;
  const sentence = `pod ${pod.name} is being deleted, but node ${pod.nodeName ?? '?'} does not answer`;
  return endReporting({ live, ...observed }, now, new RunError('WorkerLost', sentence));
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
  if (pod.worker.kind === 'running' && hasEnded(live)) {
    return { actions: [], status, requeueAfterMs: lastWordsMs, isUrgent: true };
  }
  return { actions: [], status, requeueAfterMs: pollMs[phase] };
}

/** A worker whose report is too long for its final word tells it here, and ends when it is asked once more. */
function hasEnded(live: Report | undefined): boolean {
  return live?.phase === 'Succeeded' || live?.phase === 'Failed';
}

const phaseMessages = {
  Preparing: 'The worker pulls the image and downloads the inputs.',
  Running: 'The target runs.',
  Uploading: 'The results are being uploaded.',
} as const;

function activePhase(phase: Phase | undefined): keyof typeof phaseMessages | undefined {
  return phase === 'Preparing' || phase === 'Running' || phase === 'Uploading' ? phase : undefined;
}

function waiting(observed: Observed, now: Date, message: string): Decision {
  if (isLate(observed, now)) return endTidily(observed, now, tooLate(message));
  const retrying = observed.pods.length > 1 || observed.pods.at(-1)?.worker.kind === 'terminated';
  const status = statusOf(observed, now, {
    phase: 'Pending',
    reason: retrying ? 'Retrying' : 'Pending',
    message,
  });
  return { actions: [], status, requeueAfterMs: Math.min(pollMs.Pending, lateInMs(observed, now)) };
}

function tooLate(message: string): RunError {
  return new RunError('StartDeadlineExceeded', `the run did not start: ${message}`);
}

function whenTheJobEnded(observed: Observed, job: ObservedJob, now: Date): Decision {
  const pod = lastEndedPod(observed.pods);
  const word = pod?.worker.kind === 'terminated' ? pod.worker.report : undefined;
  const at = job.finished?.at ?? now.toISOString();
  if (job.finished?.succeeded === true) return endAs(observed, now, { verdict: success(word), word, at });
  if (isFailureReason(word?.reason)) {
    const verdict: Verdict = {
      phase: 'Failed',
      reason: word.reason,
      message: word.message ?? '',
      accepted: true,
    };
    const ended = endAs(observed, now, { verdict, word, at });
    const ending = { kind: 'failed', message: verdict.message } as const;
    return hasCleanedUp(word) ? ended : withTidying(ended, observed, ending);
  }
  return endOnceTidied(observed, now, { error: new RunError('WorkerLost', lossOf(pod, job)), lostAt: at });
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
