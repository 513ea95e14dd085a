import type { Readable } from 'node:stream';
import { describe } from '../../support/errors.ts';

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
