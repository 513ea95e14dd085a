import { onAbort, sleep } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import { inspectState } from './container-state.ts';
import { engineCall } from './engine-call.ts';
import { isRemovalInProgress, statusOf } from './engine-error.ts';
import type { Engine } from './engine.ts';

/** How long each step of stopping a container may take; the first step has the grace period on top. */
const stopBounds: Bounds = { usualMs: 10_000, afterCancelMs: 3_000 };
/** How long the whole removal is retried, engine restarts included. */
const goneBounds: Bounds = { usualMs: 30_000, afterCancelMs: 8_000 };
const stepMs = 10_000;
const pollMs = 200;

/** `graceMs` is the time between the stop signal and SIGKILL; an abort of `cancel` shortens all bounds. */
type StopOptions = { readonly graceMs: number; readonly cancel: AbortSignal | undefined };

/**
 * Stops a container and removes it; resolves when it is gone. When a step fails, the next and stronger one
 * follows; once `cancel` has aborted, all of them take at most 14 s more than the grace.
 * @throws RunError EngineUnavailable when the container is not known to be gone within the bound
 */
export async function stopAndRemove(engine: Engine, id: string, options: StopOptions): Promise<void> {
  await signalToStop(engine, id, options);
  await removeContainer(engine, id, options.cancel);
}

/**
 * Stops a container without removing it.
 * @throws RunError EngineUnavailable when the engine does not confirm that it has stopped
 */
export async function stopContainer(engine: Engine, id: string, options: StopOptions): Promise<void> {
  await signalToStop(engine, id, options);
  let why: unknown = 'it is still running';
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

/** Asks the engine to send the stop signal and, after the grace, SIGKILL; if that fails, asks for SIGKILL. */
async function signalToStop(engine: Engine, id: string, { graceMs, cancel }: StopOptions): Promise<void> {
  const container = engine.docker.getContainer(id);
  const seconds = Math.max(1, Math.ceil(graceMs / 1000));
  const { usualMs, afterCancelMs } = stopBounds;
  const withGrace = { usualMs: seconds * 1000 + usualMs, afterCancelMs: seconds * 1000 + afterCancelMs };
  const isStopped = await trySucceeds(withGrace, cancel, (abortSignal) =>
    container.stop({ t: seconds, abortSignal }),
  );
  if (!isStopped) await trySucceeds(stopBounds, cancel, (abortSignal) => container.kill({ abortSignal }));
}

/**
 * Removes a container by id or name, running or not, with its anonymous volumes, and checks that it is gone.
 * A container that does not exist is not an error.
 * @throws RunError EngineUnavailable when it is not known to be gone within 30 s (8 s after a cancel)
 */
export async function removeContainer(
  engine: Engine,
  id: string,
  cancel: AbortSignal | undefined,
): Promise<void> {
  using deadline = new CancelAwareDeadline(goneBounds, cancel);
  const { signal } = deadline;
  const begin = performance.now();
  const container = engine.docker.getContainer(id);
  let why: unknown = 'it is still there';
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      if ((await inspectState(engine, id, { signal, timeoutMs: stepMs })).phase === 'gone') return;
      await engineCall({ signal, timeoutMs: stepMs }, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      );
      // The look after the first removal need not wait; an engine that removes nothing must not be asked without a pause.
      if (tries === 0) continue;
    } catch (error) {
      if (!isRemovalInProgress(error) && statusOf(error) !== 404) why = error;
    }
    await sleep(pollMs);
  }
  const seconds = Math.round((performance.now() - begin) / 1000);
  throw new RunError(
    'EngineUnavailable',
    `The container ${id} could not be removed within ${seconds} s (socket ${engine.socketPath}): ${describe(why)}`,
    { cause: why },
  );
}

/** True when the call succeeded or was not needed (304: already stopped, 404: gone). */
async function trySucceeds(
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

/** How long something may take, in milliseconds: usually, and counted from a cancel of the run. */
type Bounds = { readonly usualMs: number; readonly afterCancelMs: number };

/**
 * A deadline for work that continues after a cancel, only faster: `signal` aborts after `usualMs`, or
 * `afterCancelMs` after the abort of `cancel` (or after the construction, if that is later), whichever is
 * first. Cleanup cannot use the signal of the cancel itself, because it would then do nothing.
 */
export class CancelAwareDeadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #listening: Disposable | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor({ usualMs, afterCancelMs }: Bounds, cancel: AbortSignal | undefined) {
    this.#endAfter(usualMs);
    this.#listening = cancel && onAbort(cancel, () => this.#endAfter(afterCancelMs));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#listening?.[Symbol.dispose]();
  }

  #endAfter(milliseconds: number): void {
    const onTimeout = () =>
      this.#controller.abort(new DOMException(`no answer within ${milliseconds / 1000} s`, 'TimeoutError'));
    this.#timers.push(setTimeout(onTimeout, milliseconds).unref());
  }
}
