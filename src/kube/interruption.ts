import { errorCode } from '../support/errors.ts';
import { StalledError } from '../support/watchdog.ts';
import { isExpired, KubeError } from './kube-error.ts';

/** Why lists and watches end; the values of a metric's label, so the set is closed. */
export const interruptionReasons = [
  /** The server ended a watch in the proper way, which it does every few minutes. */
  'closed',
  /** Nothing came for too long: the other side, or the way to it, is gone. */
  'silence',
  /** The connection broke. */
  'reset',
  /** The resource version is too old to go on from. */
  'expired',
  /** The server asks to come back later. */
  'throttled',
  /** No connection, or an answer that is an error. */
  'refused',
  /** What came is not what an API server sends. */
  'unreadable',
] as const;

/** Why a list or a watch ended. */
export type InterruptionReason = (typeof interruptionReasons)[number];

/** An answer that is not what an API server sends: cut, garbled, or from somebody else. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const unreadable = [UnreadableError, SyntaxError, TypeError];
const resetCodes = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** The reason that an error of a list or a watch stands for; no error is a proper end. */
export function interruptionReason(error: unknown): InterruptionReason {
  if (error === undefined) return 'closed';
  if (isExpired(error)) return 'expired';
  if (error instanceof KubeError && error.status !== 0) return error.status === 429 ? 'throttled' : 'refused';
  const cause = error instanceof KubeError ? error.cause : error;
  if (cause instanceof StalledError) return 'silence';
  if (unreadable.some((kind) => cause instanceof kind)) return 'unreadable';
  return resetCodes.includes(errorCode(cause) ?? '') ? 'reset' : 'refused';
}

/**
 * Whether only a new list helps. A watch that is silent or unreadable again and again may be one from a version that the
 * server does not have (its etcd was restored), or one that cannot get past an event.
 */
export function mustList(reason: InterruptionReason, emptyWatches: number): boolean {
  if (reason === 'expired') return true;
  return (reason === 'silence' || reason === 'unreadable') && emptyWatches >= 2;
}
