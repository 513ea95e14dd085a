import { settledWithin } from '../../support/abort.ts';
import type { OutputPump } from './output-pump.ts';

/** How long the rest of the output may take once the target ended, in milliseconds. */
export type DrainBounds = {
  /** Without a single byte moving. */
  readonly idleMs: number;
  /** In all; absent means as long as it moves. */
  readonly totalMs?: number;
};

/** The bounds that hold usually, and those that hold from the moment on that `cancel` aborts. */
export type Draining = {
  readonly usual: DrainBounds;
  readonly hurried: DrainBounds;
  readonly cancel: AbortSignal;
};

/**
 * Waits for the output's end. A sink that stands still is left after `idleMs`, so that nothing which happens to
 * the output can hold up or decide the run. True when all of it was delivered.
 */
export async function drain(pump: OutputPump, { usual, hurried, cancel }: Draining): Promise<boolean> {
  let isComplete = cancel.aborted ? undefined : await watchDone(pump, usual, cancel);
  if (isComplete === undefined && cancel.aborted) isComplete = await watchDone(pump, hurried);
  if (isComplete !== undefined) return isComplete;
  pump.abort();
  return pump.done;
}

/** What the pump ends with, or undefined when the bounds or the signal were first. */
async function watchDone(
  pump: OutputPump,
  { idleMs, totalMs = Infinity }: DrainBounds,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  const giveUpAt = Date.now() + totalMs;
  for (;;) {
    const before = pump.progress;
    const isComplete = await settledWithin(pump.done, Math.min(idleMs, giveUpAt - Date.now()), signal);
    if (isComplete !== undefined || signal?.aborted === true) return isComplete;
    if (pump.progress === before || Date.now() >= giveUpAt) return undefined;
  }
}
