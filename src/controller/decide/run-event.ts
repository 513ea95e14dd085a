import type { CoreV1Event } from '@kubernetes/client-node';
import { apiVersion, kind } from '../../api/names.ts';
import { isFailureReason } from '../../api/reasons.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { ObservedRun } from '../observe/observed.ts';

/** An Event about a run, with the count and the times of its first occurrence. */
export type RunEvent = Omit<CoreV1Event, 'firstTimestamp' | 'lastTimestamp'> & {
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
};

/** The reasons with an Event, in addition to those of an end; the others are only shown in the status. */
const reasonsWithEvent = new Set([
  'Retrying',
  'PodRejected',
  'Suspended',
  'Queued',
  'Resumed',
  'ControllerFailed',
]);
const warnings: readonly string[] = ['Retrying', 'PodRejected', 'ControllerFailed'];
/** They can occur once for each attempt. */
const perAttempt: readonly string[] = ['Retrying', 'PodRejected'];

/** The Event for a new status, if it needs one. Its name identifies the occurrence: it is created once. */
export function eventOf(run: ObservedRun, status: DockerRunStatus, now: Date): RunEvent | undefined {
  if (!needsEvent(run.status, status)) return undefined;
  const { namespace, name, uid } = run.metadata;
  const { reason = 'Unknown', message = '' } = status;
  const at = now.toISOString();
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: eventName(name, uid, `${reason}.${occurrenceOf(status)}`) },
    involvedObject: { apiVersion, kind, namespace, name, uid },
    type: isFailureReason(reason) || warnings.includes(reason) ? 'Warning' : 'Normal',
    reason,
    message,
    source: { component: 'dockerrun-controller' },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}

/** True when `after` differs from the stored status in a way that needs an Event. */
export function needsEvent(before: DockerRunStatus, after: DockerRunStatus): boolean {
  if (!isTerminalPhase(after.phase) && !reasonsWithEvent.has(after.reason ?? '')) return false;
  if (before.reason !== after.reason) return true;
  return perAttempt.includes(after.reason ?? '') && occurrenceOf(before) !== occurrenceOf(after);
}

/**
 * Identifies an occurrence of a reason, the same whenever it is computed: each retry follows one attempt,
 * each suspension belongs to one generation of the spec, and a run ends once.
 */
function occurrenceOf({ phase, reason, attemptHistory = [], observedGeneration }: DockerRunStatus): string {
  if (isTerminalPhase(phase)) return 'end';
  const ended = attemptHistory.findLast(({ completionTime }) => completionTime !== undefined);
  return perAttempt.includes(reason ?? '') ? (ended?.podUID ?? 'unseen') : String(observedGeneration ?? 0);
}

/** A DNS subdomain of at most 253 characters. */
function eventName(run: string, uid: string, suffix: string): string {
  const tail = `.${uid.slice(0, 8)}.${suffix.toLowerCase()}`;
  return `${run.slice(0, 253 - tail.length)}${tail}`;
}
