import type { CoreV1Event } from '@kubernetes/client-node';
import { apiVersion, kind } from '../../api/names.ts';
import { isFailureReason } from '../../api/reasons.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { ObservedRun } from '../observe/observed.ts';

/** An Event about a run. `count` and times are those of its first occurrence. */
export type RunEvent = Omit<CoreV1Event, 'firstTimestamp' | 'lastTimestamp'> & {
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
};

/** Reasons with an Event, besides the terminal ones; the others only say where a run is, which its status shows. */
const reasonsWithEvent = new Set(['Retrying', 'Suspended', 'Queued', 'Resumed']);

/** The Event that a new status calls for, if it does. Its name follows from what it says: the same one is made once. */
export function eventOf(run: ObservedRun, status: DockerRunStatus, now: Date): RunEvent | undefined {
  if (!isEventful(run.status, status)) return undefined;
  const { namespace, name, uid } = run.metadata;
  const { reason = 'Unknown', message = '' } = status;
  const at = now.toISOString();
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: eventName(name, uid, `${reason}.${occasionOf(status)}`) },
    involvedObject: { apiVersion, kind, namespace, name, uid },
    type: isFailureReason(reason) || reason === 'Retrying' ? 'Warning' : 'Normal',
    reason,
    message,
    source: { component: 'dockerrun-controller' },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}

/** True when `after` differs from the stored status in a way that calls for an Event. */
export function isEventful(before: DockerRunStatus, after: DockerRunStatus): boolean {
  if (!isTerminalPhase(after.phase) && !reasonsWithEvent.has(after.reason ?? '')) return false;
  if (before.reason !== after.reason) return true;
  return after.reason === 'Retrying' && occasionOf(before) !== occasionOf(after);
}

/**
 * Tells one occurrence of a reason from the next, and is the same however often it is computed: a retry follows one
 * attempt, a suspension one generation of the spec, and a run ends once.
 */
function occasionOf({ phase, reason, attemptHistory = [], observedGeneration }: DockerRunStatus): string {
  if (isTerminalPhase(phase)) return 'end';
  const ended = attemptHistory.findLast(({ completionTime }) => completionTime !== undefined);
  return reason === 'Retrying' ? (ended?.podUID ?? 'unseen') : String(observedGeneration ?? 0);
}

/** A DNS subdomain of at most 253 characters. */
function eventName(run: string, uid: string, suffix: string): string {
  const tail = `.${uid.slice(0, 8)}.${suffix.toLowerCase()}`;
  return `${run.slice(0, 253 - tail.length)}${tail}`;
}
