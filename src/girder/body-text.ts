import type { Readable } from 'node:stream';
import { describe } from '../support/errors.ts';
import { TransientFailure } from './failure.ts';

/** Reads a small body whole; `limit` bytes keep a server gone mad from filling the memory. */
export async function readText(body: Readable, limit: number, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw new Error(`its answer is longer than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    const aborted: unknown = signal.aborted ? signal.reason : undefined;
    throw new TransientFailure(describe(aborted ?? error));
  }
  return Buffer.concat(chunks).toString('utf8');
}
