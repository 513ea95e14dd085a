import { onAbort, sleep } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import { inspectState } from './container-state.ts';
import { engineCall } from './engine-call.ts';
import { isRemovalInProgress, statusOf } from './engine-error.ts';
import type { Engine } from './engine.ts';

/** How long each step of ending a container may take, the first one beyond the grace the target was given. */
const stopBounds: Bounds = { usualMs: 10_000, afterCancelMs: 3_000 };
/** How long the whole removal is tried, engine restarts included. */
const goneBounds: Bounds = { usualMs: 30_000, afterCancelMs: 8_000 };
const stepMs = 10_000;
const pollMs = 200;

/** What to give the target before SIGKILL, in milliseconds, and what makes the removal hurry. */
type StopOptions = { readonly graceMs: number; readonly cancel: AbortSignal | undefined };

/**
 * Ends a container and removes it. Resolves when it is gone; each step that fails leaves the next, stronger one to
 * do it. Once `cancel` has aborted, all of it takes at most 14 s more than the grace.
 * @throws RunError EngineUnavailable when the container could not be seen gone within the bound
 */
export async function stopAndRemove(engine: Engine, id: string, options: StopOptions): Promise<void> {
  await signalToStop(engine, id, options);
  await removeContainer(engine, id, options.cancel);
}

/**
 * Ends a container that stays.
 * @throws RunError EngineUnavailable when it could not be seen stopped
 */
export async function stopContainer(engine: Engine, id: string, options: StopOptions): Promise<void> {
  await signalToStop(engine, id, options);
  let why: unknown = 'it still runs';
  try {
    if ((await inspectState(engine, id, { timeoutMs: stepMs })).phase !== 'running') return;
  } catch (error) {
    why = error;
  }
  throw new RunError(
    'EngineUnavailable',
    `The container ${id} could not be stopped (socket ${engine.socketPath}): ${describe(why)}`,
    { cause: why },
  );
}

/** Its stop signal, after `graceMs` SIGKILL, by a request of our own if the engine does not come to it. */
async function signalToStop(engine: Engine, id: string, { graceMs, cancel }: StopOptions): Promise<void> {
  const container = engine.docker.getContainer(id);
  const seconds = Math.max(1, Math.ceil(graceMs / 1000));
  const { usualMs, afterCancelMs } = stopBounds;
  const withGrace = { usualMs: seconds * 1000 + usualMs, afterCancelMs: seconds * 1000 + afterCancelMs };
  const stopped = await attempt(withGrace, cancel, (abortSignal) =>
    container.stop({ t: seconds, abortSignal }),
  );
  if (!stopped) await attempt(stopBounds, cancel, (abortSignal) => container.kill({ abortSignal }));
}

/**
 * Removes a container by id or name, running or not, with its anonymous volumes, and sees that it is gone. None
 * of that name is fine.
 * @throws RunError EngineUnavailable when it could not be seen gone within 30 s, or 8 s once `cancel` has aborted
 */
export async function removeContainer(
  engine: Engine,
  id: string,
  cancel: AbortSignal | undefined,
): Promise<void> {
  using deadline = new CancelAwareDeadline(goneBounds, cancel);
  const { signal } = deadline;
  const begin = Date.now();
  const container = engine.docker.getContainer(id);
  let why: unknown = 'it is still there';
  while (!signal.aborted) {
    try {
      if ((await inspectState(engine, id, { signal, timeoutMs: stepMs })).phase === 'gone') return;
      await engineCall({ signal, timeoutMs: stepMs }, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      );
      continue;
    } catch (error) {
      if (!isRemovalInProgress(error) && statusOf(error) !== 404) why = error;
    }
    await sleep(pollMs);
  }
  const seconds = Math.round((Date.now() - begin) / 1000);
  throw new RunError(
    'EngineUnavailable',
    `The container ${id} could not be removed within ${seconds} s (socket ${engine.socketPath}): ${describe(why)}`,
    { cause: why },
  );
}

/** True when the call succeeded or there is nothing left for it to do (304 stopped already, 404 gone). */
async function attempt(
  bounds: Bounds,
  cancel: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<unknown>,
): Promise<boolean> {
  using deadline = new CancelAwareDeadline(bounds, cancel);
  try {
    await engineCall({ signal: deadline.signal, timeoutMs: bounds.usualMs }, call);
    return true;
  } catch (error) {
    return statusOf(error) === 304 || statusOf(error) === 404;
  }
}

/** How long something may take, in milliseconds: usually, and from the moment on that the run is cancelled. */
type Bounds = { readonly usualMs: number; readonly afterCancelMs: number };

/**
 * A clock for what has to go on after a cancel, only faster: `signal` aborts after `usualMs`, or `hurriedMs` after
 * `cancel` did (after the beginning, if that was later), whichever is first. Cleaning up cannot take the cancel's
 * own signal, since it would then do nothing.
 */
export class CancelAwareDeadline implements Disposable {
  readonly #over = new AbortController();
  readonly #listening: Disposable | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor({ usualMs, afterCancelMs }: Bounds, cancel: AbortSignal | undefined) {
    this.#endAfter(usualMs);
    this.#listening = cancel && onAbort(cancel, () => this.#endAfter(afterCancelMs));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#listening?.[Symbol.dispose]();
  }

  #endAfter(milliseconds: number): void {
    const late = () =>
      this.#over.abort(new DOMException(`no answer within ${milliseconds / 1000} s`, 'TimeoutError'));
    this.#timers.push(setTimeout(late, milliseconds).unref());
  }
}
