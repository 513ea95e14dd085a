import { isFailureReason } from '../api/reasons.ts';
import type { Report } from '../api/report.ts';
import type { DockerRunStatus, Phase } from '../api/status.ts';
import { jobName } from '../api/names.ts';
import { validateSpec } from '../api/validate.ts';
import { RunError } from '../support/errors.ts';
import { conditionsOf, type Verdict } from './conditions.ts';
import type { ObservedJob, ObservedPod, ObservedRun } from './observed.ts';
import { refusedByPolicy, type Policy } from './policy.ts';
import { type Obstacle, waitingFor } from './waiting.ts';

/** Everything that one decision is made from; gathering it is the only I/O before. */
export type Observed = {
  run: ObservedRun;
  job: ObservedJob | undefined;
  /** Pods of the run, oldest first. */
  pods: readonly ObservedPod[];
  /** What the worker of the newest pod said a moment ago, if it was asked and answered. */
  live: Report | undefined;
  /** Why the kubelet cannot mount a volume of the newest pod, if it cannot. */
  mountFailure: Obstacle | undefined;
  /** Why the Job controller cannot create a pod (a quota, Pod Security), if it cannot. */
  podRefusal: Obstacle | undefined;
  /** Why the API server refused the Job just now, if it did. */
  jobRefusal: { message: string; permanent: boolean } | undefined;
};

export type Action =
  { kind: 'createJob' } | { kind: 'deleteJob'; name: string; uid: string } | { kind: 'deleteRun' };

export type Decision = {
  actions: readonly Action[];
  /** The whole status, or nothing when it stays as it is. */
  status: DockerRunStatus | undefined;
  /** When to look again if nothing changes before; nothing when only a change matters. */
  requeueAfterMs: number | undefined;
};

/** How often a worker is asked: its first phases are short, and what a target does is mostly nothing new. */
const pollMs = { Pending: 5_000, Preparing: 1_000, Running: 3_000, Uploading: 1_000 } as const;

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

export function isTerminal(status: DockerRunStatus): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed';
}

function nothing(): Decision {
  return { actions: [], status: undefined, requeueAfterMs: undefined };
}

/** Terminal is final: what is left is to stop a Job that still runs, and to delete the run in its time. */
function afterTheEnd({ run, job }: Observed, now: Date): Decision {
  const mustStop = run.status.phase === 'Failed' && job?.finished === undefined;
  const actions: Action[] =
    job !== undefined && mustStop && job.ownerUid === run.metadata.uid
      ? [{ kind: 'deleteJob', name: job.name, uid: job.uid }]
      : [];
  const ttl = run.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || run.status.completionTime === undefined) return { ...nothing(), actions };
  const left = Date.parse(run.status.completionTime) + ttl * 1000 - now.getTime();
  return left <= 0
    ? { ...nothing(), actions: [{ kind: 'deleteRun' }] }
    : { ...nothing(), actions, requeueAfterMs: left };
}

function beforeTheJob(observed: Observed, now: Date, policy: Policy): Decision {
  const { run, jobRefusal } = observed;
  if (run.status.jobName !== undefined && jobRefusal === undefined) {
    return end(observed, now, new RunError('JobDeleted', `the Job ${run.status.jobName} is gone`));
  }
  const refusal = refused(run, policy);
  if (refusal !== undefined) return end(observed, now, refusal, { accepted: false });
  if (jobRefusal === undefined) {
    const created: Verdict = { phase: 'Pending', reason: 'Pending', message: 'The Job was created.' };
    const status = {
      ...progressing(observed, now, created),
      jobName: jobName(run.metadata),
      startTime: now.toISOString(),
    };
    return { actions: [{ kind: 'createJob' }], status, requeueAfterMs: undefined };
  }
  if (jobRefusal.permanent) return end(observed, now, new RunError('JobRefused', jobRefusal.message));
  return waiting(observed, now, `The API server refuses the Job for now: ${jobRefusal.message}`);
}

function refused(run: ObservedRun, policy: Policy): RunError | undefined {
  if (run.spec === undefined) return new RunError('InvalidSpec', run.problem);
  const problems = validateSpec(run.spec);
  if (problems.length > 0) return new RunError('InvalidSpec', problems.join('; '));
  return refusedByPolicy(run.spec, policy);
}

function whileTheJobRuns(observed: Observed, job: ObservedJob, now: Date): Decision {
  const pod = observed.pods.at(-1);
  if (pod === undefined) return waiting(observed, now, podlessMessage(observed, job));
  switch (pod.worker.kind) {
    case 'waiting': {
      const wait = waitingFor(pod, { spec: observed.run.spec, mountFailure: observed.mountFailure }, now);
      if (wait.failure !== undefined) return end(observed, now, wait.failure);
      return waiting(observed, now, wait.message);
    }
    case 'running':
      return tooLateToStart(observed, now) ?? whileTheWorkerRuns(observed, pod, now);
    case 'terminated':
      return whenTheWorkerEnded({ ...observed, live: pod.worker.report }, pod, now);
  }
}

function podlessMessage({ podRefusal }: Observed, job: ObservedJob): string {
  return podRefusal === undefined
    ? `The Job ${job.name} has no pod yet.`
    : `The Job ${job.name} cannot create its pod: ${podRefusal.message}`;
}

/** A success is final; after a failure the Job's own verdict follows within seconds: another pod, or the end. */
function whenTheWorkerEnded(observed: Observed, pod: ObservedPod, now: Date): Decision {
  const word = observed.live;
  if (word?.phase !== 'Succeeded') return whileTheWorkerRuns(observed, pod, now);
  return endAs(observed, now, { verdict: success(word), word, at: now.toISOString() });
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
  const status = progressing(observed, now, { phase, reason: phase, message });
  return { actions: [], status: { ...status, ...said(live) }, requeueAfterMs: pollMs[phase] };
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
  if (isLate(observed, now))
    return end(observed, now, new RunError('StartDeadlineExceeded', `the run did not start: ${message}`));
  const retrying = observed.pods.length > 1;
  const status = progressing(observed, now, {
    phase: 'Pending',
    reason: retrying ? 'Retrying' : 'Pending',
    message,
  });
  return { actions: [], status, requeueAfterMs: Math.min(pollMs.Pending, lateInMs(observed, now)) };
}

/**
 * How long an attempt may still take to start. Its clock begins with its pod; without a pod, with the run itself, or,
 * between two attempts, when the Job controller was first refused another pod.
 */
function lateInMs({ run, pods, podRefusal }: Observed, now: Date): number {
  // A spec that a newer schema does not take any more must not end a run that was accepted.
  const seconds = run.spec?.startDeadlineSeconds ?? Infinity;
  // Events are kept for an hour: one from before the last attempt says nothing about the next.
  const refused = podRefusal !== undefined && podRefusal.since > (run.status.target?.startedAt ?? '');
  const between = refused ? podRefusal.since : now.toISOString();
  const podless = run.status.podName === undefined ? run.metadata.creationTimestamp : between;
  const from = Date.parse(pods.at(-1)?.creationTimestamp ?? podless);
  return Math.max(0, from + seconds * 1000 - now.getTime());
}

function isLate(observed: Observed, now: Date): boolean {
  return lateInMs(observed, now) === 0;
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
    return endAs(observed, now, { verdict, word, at });
  }
  return end(observed, now, new RunError('WorkerLost', lossOf(pod, job)));
}

function success(word: Report | undefined): Verdict {
  return {
    phase: 'Succeeded',
    reason: 'Succeeded',
    message: word?.message ?? 'The target ended with exit code 0.',
  };
}

/** Ends a run as its worker or its Job said. */
function endAs(
  observed: Observed,
  now: Date,
  { verdict, word, at }: { verdict: Verdict; word: Report | undefined; at: string },
): Decision {
  const status = { ...progressing(observed, now, verdict), ...said(word), completionTime: at };
  delete status.progress;
  return { actions: [], status, requeueAfterMs: undefined };
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

/** Ends a run with a failure that the controller found itself. */
function end(observed: Observed, now: Date, error: RunError, { accepted } = { accepted: true }): Decision {
  const verdict: Verdict = { phase: 'Failed', reason: error.reason, message: error.sentence, accepted };
  const status = progressing(observed, now, verdict);
  return { actions: [], status: { ...status, completionTime: now.toISOString() }, requeueAfterMs: undefined };
}

/** The status of a verdict, with everything about the newest pod; what is not known any more stays as it was. */
function progressing(observed: Observed, now: Date, verdict: Verdict): DockerRunStatus {
  const { run, job, pods } = observed;
  const { progress: _, ...before } = run.status;
  const pod = pods.at(-1);
  const attempts = Math.max(before.attempts ?? 0, job?.attempts ?? 0, pods.length);
  return {
    ...before,
    observedGeneration: run.metadata.generation,
    phase: verdict.phase,
    reason: verdict.reason,
    message: verdict.message,
    conditions: conditionsOf(verdict, run.metadata.generation, before, now.toISOString()),
    attempts,
    ...(job === undefined ? {} : { jobName: job.name, startTime: before.startTime ?? job.creationTimestamp }),
    ...(pod === undefined ? {} : { podName: pod.name }),
    ...(pod?.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
  };
}

/** What a report adds to the status besides phase, reason and message. */
function said(report: Report | undefined): Partial<DockerRunStatus> {
  if (report === undefined) return {};
  const { target, transfers, results, progress } = report;
  return {
    ...(target === undefined ? {} : { target }),
    ...(transfers === undefined ? {} : { transfers }),
    ...(results === undefined ? {} : { results }),
    ...(progress === undefined ? {} : { progress }),
  };
}
