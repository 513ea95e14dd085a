import { setTimeout as sleepFor } from 'node:timers/promises';
import { asError, RunError } from './errors.ts';

/** The longest delay of a timer in milliseconds: Node fires a timer with a longer one at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** A signal that aborts when `parent` does or after `milliseconds`, whichever is first. */
export function deadline(milliseconds: number, parent?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(milliseconds);
  return parent === undefined ? timeout : AbortSignal.any([parent, timeout]);
}

/** Waits, and rejects with the signal's reason as soon as it aborts. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleepFor(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Calls `act` when the signal aborts, at once when it has; disposing of the result stops the listening. */
export function onAbort(signal: AbortSignal, act: () => void): Disposable {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) };
}

/**
 * Aborts with a RunError `Cancelled` when `stop` does, whose reason is the name of the signal that the process got;
 * `what` was stopped by it.
 */
export function cancelledBy(stop: AbortSignal, what: string): AbortSignal {
  const cancelling = new AbortController();
  const cancel = () =>
    cancelling.abort(new RunError('Cancelled', `${what} was stopped by ${String(stop.reason)}`));
  onAbort(stop, cancel);
  return cancelling.signal;
}

/** Resolves when the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => void onAbort(signal, resolve));
}

/**
 * Settles with `promise`, or rejects with the signal's reason when that comes first. For calls that may never
 * settle (dockerode's after a dead socket): the loser is left behind and its late rejection is swallowed.
 */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const loses = Promise.withResolvers<never>();
  using _ = onAbort(signal, () => loses.reject(asError(signal.reason)));
  return await Promise.race([promise, loses.promise]);
}

/** What the promise resolves with within `milliseconds` and before the signal aborts, else undefined. */
export async function settledWithin<T>(
  promise: Promise<T>,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const bound = deadline(Math.max(1, milliseconds), signal);
  try {
    return await raceAbort(promise, bound);
  } catch (error) {
    if (bound.aborted) return undefined;
    throw error;
  }
}

/** Does what is better not left half-way: it sees an abort of `signal` only so many milliseconds later. */
export async function withGrace<T>(
  signal: AbortSignal,
  milliseconds: number,
  work: (lingering: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  using _ = onAbort(signal, () => {
    timer = setTimeout(() => late.abort(signal.reason), milliseconds);
  });
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
  }
}
