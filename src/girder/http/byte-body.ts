import type { Readable } from 'node:stream';
import { GrowingBuffer } from '../../io/byte-sink.ts';
import { describe } from '../../support/errors.ts';
import { StalledError } from '../../support/watchdog.ts';
import { NoResponse, TransientFailure } from '../retry.ts';

/**
 * Takes one chunk. The next chunk waits for a returned promise, and the chunk's memory is valid until then.
 */
export type Take = (chunk: Buffer) => Promise<void> | undefined;

/** The body of a response: pump it to its end once, or destroy it. */
export type ByteBody = {
  /**
   * Passes each chunk to `take` and resolves when the body is complete. Rejects with what `take` threw, with
   * the error passed to `destroy`, or with a BrokenBody.
   */
  pump(take: Take): Promise<void>;
  /** Closes the connection; a pump that is under way rejects with `error`. */
  destroy(error?: Error): void;
};

/** The connection, not the reader, is the reason why a body is incomplete. */
export class BrokenBody extends Error {
  override readonly name = 'BrokenBody';
}

/** The body of a response that Node delivers as a stream: each chunk has its own memory. */
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

/** The body of a request. */
export type ByteSource = {
  /** Fills `into`, which stays the caller's, with the next bytes and returns how many; 0 at the end. */
  next(into: Buffer): Promise<number>;
  /** The memory through which the whole body is sent. */
  readonly buffer: Buffer;
};

/**
 * Reads a whole body of at most `limit` bytes.
 * @throws TransientFailure for any failure, an abort included
 */
export async function readText(body: ByteBody, limit: number, signal: AbortSignal): Promise<string> {
  return (await readBytes(body, limit, signal)).toString('utf8');
}

/** Like {@link readText}, for a body that is not text. */
export async function readBytes(body: ByteBody, limit: number, signal: AbortSignal): Promise<Buffer> {
  const bytes = new GrowingBuffer();
  const onAbort = () => body.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await body.pump((chunk) => {
      bytes.add(chunk);
      if (bytes.length > limit) throw new Error(`its response is longer than ${limit} bytes`);
      return undefined;
    });
  } catch (error) {
    const aborted: unknown = signal.aborted ? signal.reason : undefined;
    if (aborted instanceof StalledError) throw new NoResponse(aborted.message);
    throw new TransientFailure(describe(aborted ?? error));
  } finally {
    signal.removeEventListener('abort', onAbort);
    body.destroy();
  }
  return bytes.bytes;
}
