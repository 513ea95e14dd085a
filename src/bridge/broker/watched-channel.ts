import type { Channel } from 'amqplib';
import { errorCode } from '../../support/errors.ts';

/** A signal that aborts when the channel ends; without it, amqplib's `error` would end the process. */
export function endOf(channel: Channel): AbortSignal {
  const ended = new AbortController();
  channel.on('error', (error: Error) => ended.abort(error));
  channel.on('close', () => ended.abort(new Error('the channel was closed')));
  return ended.signal;
}

/** Calls something on a channel that may have ended; then it does nothing. */
export function onOpenChannel(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'IllegalOperationError') throw error;
  }
}

/** The code of AMQP with which the broker closed a channel: 404 for what does not exist, 403 for what is forbidden. */
export function amqpCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : Number(errorCode(error)) || undefined;
}
