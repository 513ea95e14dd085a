import type { Connection } from '../../kube/connection.ts';
import { isNotFound } from '../../kube/kube-error.ts';
import { requestJson } from '../../kube/request.ts';
import { paths } from '../../kube/resources.ts';
import { parseObjectMeta } from '../../kube/wire.ts';
import type { ObservedRun } from '../observe/observed.ts';

/** A run has changed since it was decided on: nothing is wrong, it is decided again as soon as the cache has caught up. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/**
 * Rejects when the API server has another version of a run than the one that was decided on. A cache can lag, by more
 * than a minute if its connection hangs, and another replica may work: without this question, a run that has had its
 * Job and has ended could be started again.
 */
export async function assertFresh(
  connection: Connection,
  { namespace, name }: ObservedRun['metadata'],
  version: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    const path = `${paths.dockerRuns(namespace)}/${name}`;
    const { resourceVersion } = parseObjectMeta(
      await requestJson(connection, { method: 'GET', path, signal }),
    );
    if (resourceVersion === version) return;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw new ConflictError(`the cache does not have the latest version of ${namespace}/${name} yet`);
}
