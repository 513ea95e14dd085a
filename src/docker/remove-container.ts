import { deadline, sleep } from '../support/abort.ts';
import { RunError, describe } from '../support/errors.ts';
import { isRemovalInProgress, statusOf } from './classify.ts';
import { inspectState } from './container-state.ts';
import type { Engine } from './engine.ts';
import { engineCall } from './engine-call.ts';

/** How long each step of ending a container may take beyond the grace the target was given, in milliseconds. */
const stepMs = 10_000;
/** How long the whole removal is tried, engine restarts included, in milliseconds. */
const goneMs = 30_000;
const pollMs = 200;

/**
 * Ends a container: its stop signal, after `graceMs` SIGKILL, then removal with its anonymous volumes. Resolves
 * when it is gone; each step that fails leaves the next, stronger one to do it.
 * @throws RunError EngineUnavailable when the container could not be seen gone within the bound
 */
export async function stopAndRemove(engine: Engine, id: string, graceMs: number): Promise<void> {
  const container = engine.docker.getContainer(id);
  const seconds = Math.max(1, Math.ceil(graceMs / 1000));
  const stopped = await attempt(seconds * 1000 + stepMs, (abortSignal) =>
    container.stop({ t: seconds, abortSignal }),
  );
  if (!stopped) await attempt(stepMs, (abortSignal) => container.kill({ abortSignal }));
  await removeContainer(engine, id);
}

/**
 * Removes a container by id or name, running or not, with its anonymous volumes, and sees that it is gone. None
 * of that name is fine.
 * @throws RunError EngineUnavailable when it could not be seen gone within 30 s
 */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const giveUp = deadline(goneMs);
  const container = engine.docker.getContainer(id);
  let why: unknown = 'it is still there';
  while (!giveUp.aborted) {
    try {
      if ((await inspectState(engine, id, { timeoutMs: stepMs })).phase === 'gone') return;
      await engineCall({ timeoutMs: stepMs }, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      );
      continue;
    } catch (error) {
      if (!isRemovalInProgress(error) && statusOf(error) !== 404) why = error;
    }
    await sleep(pollMs);
  }
  throw new RunError(
    'EngineUnavailable',
    `The container ${id} could not be removed within ${goneMs / 1000} s (socket ${engine.socketPath}): ${describe(why)}`,
    { cause: why },
  );
}

/** True when the call succeeded or there is nothing left for it to do (304 stopped already, 404 gone). */
async function attempt(timeoutMs: number, call: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
  try {
    await engineCall({ timeoutMs }, call);
    return true;
  } catch (error) {
    return statusOf(error) === 304 || statusOf(error) === 404;
  }
}
