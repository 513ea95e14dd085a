import { inflateSync } from 'node:zlib';
import { messageBounds, UnreadableError } from './json-nodes.ts';

/** What Celery writes into the header for `compression='gzip'` and `'zlib'`, which are the same. */
const inflated = 'application/x-gzip';

/** Whether the body of such a message is read. */
export function isReadable(compression: string): boolean {
  return compression === inflated;
}

/** The body before it was compressed. @throws UnreadableError for one that is broken, or beyond the bounds */
export function decompressed(body: Buffer): Buffer {
  try {
    return inflateSync(body, { maxOutputLength: messageBounds.bytes });
  } catch (error) {
    const isLong = error instanceof RangeError;
    throw new UnreadableError(
      isLong
        ? `it has more than ${messageBounds.bytes} bytes when it is decompressed, and no more are read`
        : 'it is not what its header compression says',
    );
  }
}
