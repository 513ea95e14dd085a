import type { Connection } from '../../kube/connection.ts';
import { isConflict, isUnanswered } from '../../kube/kube-error.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/paths.ts';
import type { RunEvent } from '../decide/run-event.ts';

/** Creates an Event about a run, unless it exists already. */
export async function recordEvent(
  connection: Connection,
  event: RunEvent,
  signal: AbortSignal,
): Promise<void> {
  const path = paths.events(event.metadata.namespace ?? '');
  const post = () => requestJson(connection, { method: 'POST', path, body: event, signal });
  try {
    // After a broken connection the Event may be missing, and the next reconcile does not create it.
    await post().catch((error: unknown) => {
      if (!isUnanswered(error)) throw error;
      return post();
    });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
