import { describe } from '../../support/errors.ts';
import type { ByteBody } from './byte-body.ts';
import { TransientFailure } from '../failure.ts';

/** Reads a small body whole; `limit` bytes keep a server gone mad from filling the memory. */
export async function readText(body: ByteBody, limit: number, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  const onAbort = () => body.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await body.pump((chunk) => {
      length += chunk.length;
      if (length > limit) throw new Error(`its answer is longer than ${limit} bytes`);
      chunks.push(Buffer.from(chunk));
      return undefined;
    });
  } catch (error) {
    const aborted: unknown = signal.aborted ? signal.reason : undefined;
    throw new TransientFailure(describe(aborted ?? error));
  } finally {
    signal.removeEventListener('abort', onAbort);
    body.destroy();
  }
  return Buffer.concat(chunks).toString('utf8');
}
