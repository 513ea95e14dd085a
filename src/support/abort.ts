import { setTimeout as sleepFor } from 'node:timers/promises';
import { asError, RunError } from './errors.ts';

/** The longest delay of a timer, in milliseconds: Node fires a timer with a longer one at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** A signal that aborts with `parent` or after `milliseconds`, whichever is first. */
export function deadline(milliseconds: number, parent?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(milliseconds);
  if (parent === undefined) return timeout;
  const either = AbortSignal.any([parent, timeout]);
  timeouts.set(either, timeout);
  return either;
}

/**
 * Node holds the sources of a combined signal only weakly. Without this, one that has no listener would not
 * abort once the garbage collector has taken its timeout.
 */
const timeouts = new WeakMap<AbortSignal, AbortSignal>();

/** Rejects with the signal's reason as soon as it aborts. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleepFor(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Calls `act` when the signal aborts, at once if it already has; disposal removes the listener. */
export function onAbort(signal: AbortSignal, act: () => void): Disposable {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) };
}

/**
 * A signal that aborts with a RunError `Cancelled` when `stop` aborts. The reason of `stop` is the name of
 * the signal that the process received; `what` names the stopped program in the message.
 */
export function cancelledBy(stop: AbortSignal, what: string): AbortSignal {
  const cancelling = new AbortController();
  const cancel = () =>
    cancelling.abort(new RunError('Cancelled', `${what} was stopped by ${String(stop.reason)}`));
  onAbort(stop, cancel);
  return cancelling.signal;
}

export async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => void onAbort(signal, resolve));
}

/**
 * Settles with `promise`, or rejects with the signal's reason if the signal aborts first. For calls that may
 * never settle (dockerode's on a dead socket): the abandoned promise's late rejection is ignored.
 */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const abort = Promise.withResolvers<never>();
  using _ = onAbort(signal, () => abort.reject(asError(signal.reason)));
  return await Promise.race([promise, abort.promise]);
}

/** The value of the promise; undefined if it has not settled within `milliseconds` or before the abort. */
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

/** Runs work that should not stop half-way: it sees an abort of `signal` `milliseconds` later. */
export async function withGrace<T>(
  signal: AbortSignal,
  milliseconds: number,
  work: (delayed: AbortSignal) => Promise<T>,
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
