import { deadline, raceAbort } from '../support/abort.ts';
import type { OutputPump } from './output-pump.ts';

/** How long the rest of the output may take once the target ended, in milliseconds. */
export type DrainBounds = {
  /** Without a single byte moving. */
  readonly idleMs: number;
  /** In all; absent means as long as it moves. */
  readonly totalMs?: number;
};

/**
 * Waits for the output's end. A sink that stands still is left after `idleMs`, so that nothing which happens to
 * the output can hold up or decide the run. True when all of it was delivered.
 */
export async function drain(pump: OutputPump, bounds: DrainBounds): Promise<boolean> {
  const giveUpAt = Date.now() + (bounds.totalMs ?? Infinity);
  for (;;) {
    const before = pump.progress;
    const isComplete = await settledWithin(pump.done, Math.min(bounds.idleMs, giveUpAt - Date.now()));
    if (isComplete !== undefined) return isComplete;
    if (pump.progress === before || Date.now() >= giveUpAt) break;
  }
  pump.abort();
  return pump.done;
}

/** What the promise gives within so many milliseconds, else undefined. */
export async function settledWithin<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const bound = deadline(Math.max(1, milliseconds));
  try {
    return await raceAbort(promise, bound);
  } catch (error) {
    if (bound.aborted) return undefined;
    throw error;
  }
}
