import { posix } from 'node:path';
import { RunError } from '../../support/errors.ts';
import { statusOf } from '../engine-error.ts';
import type { BindMount } from './container-spec.ts';
import { inspectState } from '../container-state.ts';
import type { EngineContext } from '../engine.ts';
import { engineStream } from '../engine-call.ts';

/**
 * Looks for the probes of the mounts through a container that is created but not started; the engine mounts
 * the volumes to answer. A bind mount names a path on the engine's host: where that is not the worker's
 * directory, the target would find an empty directory, without any error.
 * @throws RunError HostPathNotVisible for the first mount in which the engine does not see the worker's file
 */
export async function checkMounts(
  context: EngineContext,
  id: string,
  mounts: readonly BindMount[],
): Promise<void> {
  for (const mount of mounts) {
    if (mount.probe === undefined || (await isSeen(context, id, posix.join(mount.target, mount.probe.file))))
      continue;
    throw new RunError('HostPathNotVisible', notVisible(mount, context.engine.socketPath));
  }
}

/** False only for a clear "no such file": an engine that cannot check must not fail the run. */
async function isSeen({ engine, signal }: EngineContext, id: string, path: string): Promise<boolean> {
  try {
    const answer = await engineStream({ signal }, (abortSignal) =>
      engine.docker.getContainer(id).infoArchive({ path, abortSignal }),
    );
    answer.destroy();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    return statusOf(error) !== 404 || (await inspectState(engine, id, { signal })).phase === 'gone';
  }
}

function notVisible({ source, configuredBy }: BindMount, socketPath: string): string {
  const check = configuredBy === undefined ? '' : ` (check ${configuredBy})`;
  return `The Docker Engine on ${socketPath} sees another directory at ${source} than the worker does${check}: the files of the worker do not reach the target`;
}
