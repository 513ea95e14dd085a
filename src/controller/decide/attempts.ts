import { defined } from '../../api/json-values.ts';
import { type Report, truncateToBytes } from '../../api/report.ts';
import { type Attempt, type DockerRunStatus, maxAttempts } from '../../api/status.ts';
import type { GivenUp } from './outcome.ts';
import {
  isBySuspension,
  isCancelled,
  type Observed,
  type ObservedPod,
  podHasEnded,
  podIsOver,
  terminationReport,
} from '../observe/observed.ts';

const maxMessageBytes = 512;

/**
 * The attempts of a run, oldest first, each with how it ended. The uid of the pod identifies an attempt, so
 * that none counts twice, even after a restart.
 */
export function attemptHistory(before: readonly Attempt[], observed: Observed, now: Date): Attempt[] {
  const known = new Map(before.map((attempt) => [attempt.podUID, attempt]));
  const present = new Set(observed.pods.map(({ uid }) => uid));
  for (const [uid, attempt] of known) {
    if (!present.has(uid)) known.set(uid, vanished(attempt, observed, now));
  }
  for (const pod of observed.pods) known.set(pod.uid, attemptOf(pod, known.get(pod.uid), observed, now));
  // A pod that still exists but was dropped from the history must not come back as the newest.
  return [...known.values()].sort(byStart).slice(-maxAttempts);
}

/**
 * How many pods were created for a run: those in the history, new ones, and those that the history dropped.
 * At least as many as its Job counts as ended.
 */
export function countAttempts(
  { attempts = 0, attemptHistory: known = [] }: DockerRunStatus,
  observed: Observed,
): number {
  const isFull = known.length >= maxAttempts;
  const uids = new Set(known.map(({ podUID }) => podUID));
  const isNew = (pod: ObservedPod) => !uids.has(pod.uid) && !(isFull && isOlderThanHistory(pod, known));
  const dropped = isFull ? Math.max(0, attempts - known.length) : 0;
  const all = dropped + known.length + observed.pods.filter(isNew).length;
  return Math.max(attempts, all, observed.job?.endedPods ?? 0);
}

/** True for a pod from before the oldest attempt of the history, which may have dropped it. */
export function isOlderThanHistory(pod: ObservedPod, [oldest]: readonly Attempt[]): boolean {
  return oldest !== undefined && byStart(openAttempt(pod), oldest) < 0;
}

/** A container that watches the worker may end by itself; the pod, and its log, then stay as they are. */
const outlivedMs = 30_000;

/**
 * Milliseconds until a pod is removed that other containers keep after its worker has ended; undefined when it has
 * ended or is being deleted. It counts from when the controller first saw the end, because the node has another clock.
 */
export function msUntilRemoval({ run, now }: Observed & { now: Date }, pod: ObservedPod): number | undefined {
  // A busy kubelet reports the end of the pod long after that of its only container.
  const isEnding = podIsOver(pod) || pod.deletionTimestamp !== undefined || !pod.isKeptByOthers;
  if (pod.worker.kind !== 'terminated' || isEnding) return undefined;
  const attempt = run.status.attemptHistory?.find(({ podUID }) => podUID === pod.uid);
  const seen = attempt?.completionTime;
  return seen === undefined ? outlivedMs : Math.max(0, Date.parse(seen) + outlivedMs - now.getTime());
}

/** Closes the history of a run that ends: an attempt that still runs is stopped and not observed again. */
export function closed(
  history: readonly Attempt[],
  { reason, message }: Pick<Attempt, 'reason' | 'message'>,
  now: Date,
): Attempt[] {
  const end = defined({
    completionTime: now.toISOString(),
    reason,
    message: message === undefined ? undefined : truncateToBytes(message, maxMessageBytes),
  });
  return history.map((attempt) => (attempt.completionTime === undefined ? { ...attempt, ...end } : attempt));
}

/** The reasons with which the controller ends an attempt before its pod has ended. */
const givenUpReasons = new Set(['WorkerNotStarted', 'VolumeMountFailed', 'EngineUnavailable']);

/** Ends the attempt of a pod that the controller gives up; the reason would be lost with the pod. */
export function withGivenUp(history: readonly Attempt[], givenUp: GivenUp | undefined, now: Date): Attempt[] {
  if (givenUp === undefined) return [...history];
  const isIt = ({ podUID }: Attempt) => podUID === givenUp.podUID;
  return history.flatMap((attempt) => (isIt(attempt) ? closed([attempt], givenUp, now) : [attempt]));
}

/** True for a pod that has not started, and that the controller has deleted for this. */
export function isGivenUp({ uid, deletionTimestamp, worker }: ObservedPod, status: DockerRunStatus): boolean {
  const attempt = status.attemptHistory?.find(({ podUID }) => podUID === uid);
  const isDeleted = deletionTimestamp !== undefined && worker.kind !== 'running';
  return isDeleted && attempt !== undefined && wasGivenUp(attempt);
}

function wasGivenUp({ completionTime, reason = '', exitCode }: Attempt): boolean {
  return completionTime !== undefined && exitCode === undefined && givenUpReasons.has(reason);
}

function byStart(a: Attempt, b: Attempt): number {
  const [one, other] = [a.startTime ?? '', b.startTime ?? ''];
  return one.localeCompare(other) || a.podName.localeCompare(b.podName);
}

function attemptOf(pod: ObservedPod, before: Attempt | undefined, observed: Observed, now: Date): Attempt {
  if (before !== undefined && wasGivenUp(before)) return before;
  const attempt = openAttempt(pod);
  if (!podHasEnded(pod)) return attempt;
  // After a resume, the old pod may still exist, but why it was stopped is no longer visible.
  if (before?.reason === 'Suspended') return before;
  const completionTime = before?.completionTime ?? now.toISOString();
  const why = whyStopped(pod, observed);
  const stopped = why === undefined ? {} : { reason: why, message: stopMessages[why] };
  return { ...attempt, completionTime, ...endOf(pod), ...stopped };
}

function openAttempt(pod: ObservedPod): Attempt {
  const { uid: podUID, name: podName, nodeName, creationTimestamp: startTime } = pod;
  return defined({ podUID, podName, nodeName, startTime });
}

const stopMessages = {
  Cancelled: 'The run was cancelled.',
  Suspended: 'The run was suspended.',
} as const;

/** A worker that receives SIGTERM does not know why; the run shows it. */
function whyStopped(pod: ObservedPod, observed: Observed): 'Cancelled' | 'Suspended' | undefined {
  const report = terminationReport(pod);
  const isStopped =
    report === undefined ? pod.deletionTimestamp !== undefined : report.reason === 'Cancelled';
  const why = whyGone(observed);
  return isStopped && why !== 'WorkerLost' ? why : undefined;
}

/** A disruption takes precedence over the worker's report, and that over how the container ended. */
function endOf(pod: ObservedPod): Pick<Attempt, 'reason' | 'message' | 'exitCode'> {
  const report = terminationReport(pod);
  const exitCode = report?.target?.exitCode;
  const disruption = pod.evictedForPressure ? evictionOf(pod) : pod.disruption;
  const { reason, message } =
    report?.phase === 'Succeeded' ? reasonOf(report) : (disruption ?? reasonOf(report, pod));
  return defined({
    reason: reason || undefined,
    message: message ? truncateToBytes(message, maxMessageBytes) : undefined,
    exitCode,
  });
}

/** The kubelet's own message says which resource ran out, and who used much of it. */
function evictionOf({ message }: ObservedPod): { reason: string; message: string | undefined } {
  return { reason: 'Evicted', message };
}

function reasonOf(
  report: Report | undefined,
  pod?: ObservedPod,
): { reason?: string | undefined; message?: string | undefined } {
  const container = pod?.worker.kind === 'terminated' ? pod.worker.reason : undefined;
  if (report === undefined && pod?.init?.failed === true)
    return { reason: 'WorkerNotStarted', message: `init container ${pod.init.sentence}` };
  if (report === undefined) return { reason: pod?.reason ?? container, message: pod?.message };
  return { reason: report.reason ?? report.phase, message: report.message };
}

/** Ends an attempt whose pod disappeared before its termination message was seen; the pod may reappear. */
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
