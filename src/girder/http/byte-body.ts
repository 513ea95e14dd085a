import type { Readable } from 'node:stream';
import { describe } from '../../support/errors.ts';
import { TransientFailure } from '../retry.ts';

/** Takes one chunk; with a promise, the next chunk waits for it, and the chunk's memory is valid only so long. */
export type Take = (chunk: Buffer) => Promise<void> | undefined;

/** The body of an answer, to be pumped to its end once or else destroyed. */
export type ByteBody = {
  /**
   * Gives every chunk to `take` and resolves at the proper end of the body. Rejects with what `take` threw, with what
   * `destroy` was given, or with a BrokenBody.
   */
  pump(take: Take): Promise<void>;
  /** Closes the connection; a pump that is under way rejects with `error`. */
  destroy(error?: Error): void;
};

/** The connection, not whoever reads or takes, is the reason why a body has no proper end. */
export class BrokenBody extends Error {
  override readonly name = 'BrokenBody';
}

/** The body of an answer that comes as a stream of Node's: each chunk has memory of its own. */
export function readableBody(stream: Readable): ByteBody {
  // A connection that dies between the head and the first read must not become an uncaught exception.
  stream.on('error', () => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  return {
    destroy(error = new BrokenBody('it was destroyed')) {
      reject(error);
      stream.destroy();
    },
    pump(take) {
      pumpStream(stream, take).then(resolve, reject);
      return promise;
    },
  };
}

async function pumpStream(stream: Readable, take: Take): Promise<void> {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      throw new BrokenBody(describe(error));
    });
    if (next.done === true) return;
    await take(next.value);
  }
}

export type ByteSource = {
  /** Fills memory that stays the caller's with the next bytes and tells how many; 0 at the end. */
  next(into: Buffer): Promise<number>;
  /** The memory to use for the whole body. */
  readonly buffer: Buffer;
};

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
