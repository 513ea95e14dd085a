import { createHash } from 'node:crypto';
import type { ByteSink } from '../../io/byte-sink.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import { streamFile } from '../download/stream-file.ts';

/** The SHA-256 of what Girder gives out for a file, which needs no memory and no disk. */
export async function hashStored(
  client: GirderClient,
  file: GirderFile,
  signal: AbortSignal,
): Promise<string> {
  let hash = createHash('sha256');
  const sink: ByteSink = {
    write(chunk) {
      hash.update(chunk);
      return undefined;
    },
    async restart() {
      hash = createHash('sha256');
    },
  };
  await streamFile(client, file, sink, { signal });
  return hash.digest('hex');
}
