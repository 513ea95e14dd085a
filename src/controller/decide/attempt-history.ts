import type { Report } from '../../api/report.ts';
import { type Attempt, type DockerRunStatus, mostAttempts } from '../../api/status.ts';
import { cutToBytes } from '../../api/text-size.ts';
import { isBySuspension, isCancelled, type Observed } from './decision.ts';
import { finalWordOf, type ObservedPod, podHasEnded } from '../observe/observed.ts';

const mostMessageBytes = 512;

/**
 * What became of the attempts of a run, oldest first. One pod is one attempt and its uid is the key, so that whoever
 * looks twice, or looks after a restart, counts none twice.
 */
export function attemptHistory(before: readonly Attempt[], observed: Observed, now: Date): Attempt[] {
  const known = new Map(before.map((attempt) => [attempt.podUID, attempt]));
  const present = new Set(observed.pods.map(({ uid }) => uid));
  for (const [uid, attempt] of known) {
    if (!present.has(uid)) known.set(uid, vanished(attempt, observed, now));
  }
  for (const pod of observed.pods) known.set(pod.uid, attemptOf(pod, known.get(pod.uid), observed, now));
  // A pod that is there still, and forgotten, must not come back as the newest.
  return [...known.values()].sort(byStart).slice(-mostAttempts);
}

/**
 * How many pods were started for a run: those that are known or there, those that the history has no room for any more,
 * and at least as many as its Job has seen end.
 */
export function countAttempts(
  { attempts = 0, attemptHistory: known = [] }: DockerRunStatus,
  observed: Observed,
): number {
  const [oldest] = known;
  const isFull = known.length >= mostAttempts;
  const uids = new Set(known.map(({ podUID }) => podUID));
  const isNew = (pod: ObservedPod) =>
    !uids.has(pod.uid) && !(isFull && oldest !== undefined && byStart(begunBy(pod), oldest) < 0);
  const forgotten = isFull ? Math.max(0, attempts - known.length) : 0;
  const all = forgotten + known.length + observed.pods.filter(isNew).length;
  return Math.max(attempts, all, observed.job?.endedPods ?? 0);
}

/** The history of a run that has ended: what goes on is being stopped, and nobody looks at it again. */
export function closed(
  history: readonly Attempt[],
  { reason, message }: Pick<Attempt, 'reason' | 'message'>,
  now: Date,
): Attempt[] {
  const end = {
    completionTime: now.toISOString(),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message: cutToBytes(message, mostMessageBytes) }),
  };
  return history.map((attempt) => (attempt.completionTime === undefined ? { ...attempt, ...end } : attempt));
}

function byStart(a: Attempt, b: Attempt): number {
  const [one, other] = [a.startTime ?? '', b.startTime ?? ''];
  return one.localeCompare(other) || a.podName.localeCompare(b.podName);
}

function attemptOf(pod: ObservedPod, before: Attempt | undefined, observed: Observed, now: Date): Attempt {
  const attempt = begunBy(pod);
  if (!podHasEnded(pod)) return attempt;
  // The pod may stay for a moment when its run goes on, and nobody could tell then why it was stopped.
  if (before?.reason === 'Suspended') return before;
  const completionTime = before?.completionTime ?? now.toISOString();
  const why = whyStopped(pod, observed);
  const stopped = why === undefined ? {} : { reason: why, message: messagesOfStops[why] };
  return { ...attempt, completionTime, ...endOf(pod), ...stopped };
}

function begunBy(pod: ObservedPod): Attempt {
  return {
    podUID: pod.uid,
    podName: pod.name,
    ...(pod.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
    startTime: pod.creationTimestamp,
  };
}

const messagesOfStops = {
  Cancelled: 'The run was cancelled.',
  Suspended: 'The run was suspended.',
} as const;

/** A worker that is told to end does not know why. */
function whyStopped(pod: ObservedPod, observed: Observed): 'Cancelled' | 'Suspended' | undefined {
  const word = finalWordOf(pod);
  const isStopped = word === undefined ? pod.deletionTimestamp !== undefined : word.reason === 'Cancelled';
  const why = whyGone(observed);
  return isStopped && why !== 'WorkerLost' ? why : undefined;
}

/** What the cluster did to the pod says most, then the worker's own word, then how its container ended. */
function endOf(pod: ObservedPod): Pick<Attempt, 'reason' | 'message' | 'exitCode'> {
  const word = finalWordOf(pod);
  const exitCode = word?.target?.exitCode;
  const { reason, message } =
    word?.phase === 'Succeeded' ? wordOf(word) : (pod.disruption ?? wordOf(word, pod));
  return {
    ...(isSaid(reason) ? { reason } : {}),
    ...(isSaid(message) ? { message: cutToBytes(message, mostMessageBytes) } : {}),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

function wordOf(
  word: Report | undefined,
  pod?: ObservedPod,
): { reason?: string | undefined; message?: string | undefined } {
  const container = pod?.worker.kind === 'terminated' ? pod.worker.reason : undefined;
  if (word === undefined) return { reason: pod?.reason ?? container, message: pod?.message };
  return { reason: word.reason ?? word.phase, message: word.message };
}

const isSaid = (text: string | undefined): text is string => text !== undefined && text !== '';

/** A pod that is gone without a word that was seen; one that comes back into sight is looked at anew. */
function vanished(attempt: Attempt, observed: Observed, now: Date): Attempt {
  if (attempt.completionTime !== undefined) return attempt;
  return { ...attempt, completionTime: now.toISOString(), reason: whyGone(observed) };
}

function whyGone({ run, job }: Observed): 'Cancelled' | 'Suspended' | 'WorkerLost' {
  const { spec, status } = run;
  if (isCancelled(run)) return 'Cancelled';
  const isSuspended = spec?.suspend === true || job?.suspendedBy !== undefined || isBySuspension(status);
  return isSuspended ? 'Suspended' : 'WorkerLost';
}
