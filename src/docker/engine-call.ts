import type { Readable } from 'node:stream';
import { deadline, raceAbort } from '../support/abort.ts';

/** How long one question to the engine may take unless its caller knows better, in milliseconds. */
const callTimeoutMs = 30_000;

/** Limits of one call: `signal` cancels it, `timeoutMs` bounds it (default {@link callTimeoutMs}). */
export type CallLimits = { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number };

/**
 * Makes one dockerode call that surely settles. dockerode has no error path once response headers arrived, so
 * its promise stays pending for ever when the engine dies mid-answer: the abort signal frees the socket, the race
 * frees the caller.
 */
export async function engineCall<T>(
  limits: CallLimits,
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bound = deadline(limits.timeoutMs ?? callTimeoutMs, limits.signal);
  bound.throwIfAborted();
  return raceAbort(call(bound), bound);
}

/**
 * Opens one of the engine's endless answers (events, attach, pull). Only the opening is bounded: the stream is
 * the caller's to destroy. An opening that lost the race is destroyed when it arrives after all.
 */
export async function engineStream(
  limits: CallLimits,
  open: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
): Promise<Readable> {
  const bound = deadline(limits.timeoutMs ?? callTimeoutMs, limits.signal);
  bound.throwIfAborted();
  const closing = new AbortController();
  const opening = open(closing.signal);
  try {
    return (await raceAbort(opening, bound)) as Readable;
  } catch (error) {
    opening.then((late) => (late as Readable).destroy(), ignore);
    closing.abort();
    throw error;
  }
}

function ignore(): void {
  return;
}
