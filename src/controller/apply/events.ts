import { apiVersion, kind } from '../../api/names.ts';
import { isFailureReason } from '../../api/reasons.ts';
import { type DockerRunStatus, isTerminalPhase } from '../../api/status.ts';
import type { Connection } from '../../kube/connection.ts';
import { isConflict, isUnanswered } from '../../kube/kube-error.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/resources.ts';
import type { ObservedRun } from '../observe/observed.ts';

/** Reasons that an Event says besides the final ones; where a run is, its status says. */
const told = new Set(['Retrying', 'Suspended', 'Queued', 'Resumed']);

/** True when a status is news that an Event should tell. */
export function isNews(before: DockerRunStatus, after: DockerRunStatus): boolean {
  if (!isTerminalPhase(after.phase) && !told.has(after.reason ?? '')) return false;
  if (before.reason !== after.reason) return true;
  return after.reason === 'Retrying' && occasionOf(before) !== occasionOf(after);
}

/**
 * What sets one occasion apart from another of the same reason, and never differs between two looks at the same: a retry
 * follows one attempt, a suspension one change of the spec, and a run ends once.
 */
function occasionOf({ phase, reason, attemptHistory = [], observedGeneration }: DockerRunStatus): string {
  if (isTerminalPhase(phase)) return 'end';
  const ended = attemptHistory.findLast(({ completionTime }) => completionTime !== undefined);
  return reason === 'Retrying' ? (ended?.podUID ?? 'unseen') : String(observedGeneration ?? 0);
}

/** Records an Event about a run. Its name follows from what it says, so that saying it twice makes one Event. */
export async function recordEvent(
  connection: Connection,
  run: ObservedRun,
  status: DockerRunStatus,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = run.metadata;
  const reason = status.reason ?? 'Unknown';
  const now = new Date().toISOString();
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: eventName(name, uid, `${reason}.${occasionOf(status)}`) },
    involvedObject: { apiVersion, kind, namespace, name, uid },
    type: isFailureReason(reason) || reason === 'Retrying' ? 'Warning' : 'Normal',
    reason,
    message: status.message ?? '',
    source: { component: 'dockerrun-controller' },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
  const post = () => requestJson(connection, { method: 'POST', path: paths.events(namespace), body, signal });
  try {
    // A connection that breaks says nothing about the Event, and nobody asks for it again once the status is written.
    await post().catch((error: unknown) => {
      if (!isUnanswered(error)) throw error;
      return post();
    });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

function eventName(run: string, uid: string, suffix: string): string {
  const tail = `.${uid.slice(0, 8)}.${suffix.toLowerCase()}`;
  return `${run.slice(0, 253 - tail.length)}${tail}`;
}
