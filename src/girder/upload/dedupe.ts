import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { ByteSink } from '../../io/byte-sink.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import { streamFile } from '../download/stream-file.ts';

const blockBytes = 256 * 1024;

/** `size` bytes of an open regular file. */
type LocalFile = { readonly source: FileHandle; readonly size: number };

/**
 * Returns the stored file if its bytes are those of the local one, with their SHA-256. Girder usually has no
 * hash; then the stored bytes are read, which costs no more than an upload.
 */
export async function findSame(
  client: GirderClient,
  stored: GirderFile | undefined,
  local: LocalFile,
  signal: AbortSignal,
): Promise<{ fileId: string; sha256: string } | undefined> {
  if (stored?.size !== local.size) return undefined;
  const { sha256, sha512 } = await hashLocal(local, signal);
  const isSame =
    stored.sha512 === undefined
      ? (await hashStored(client, stored, signal)) === sha256
      : stored.sha512 === sha512;
  return isSame ? { fileId: stored._id, sha256 } : undefined;
}

async function hashLocal(
  { source, size }: LocalFile,
  signal: AbortSignal,
): Promise<{ sha256: string; sha512: string }> {
  const [sha256, sha512] = [createHash('sha256'), createHash('sha512')];
  const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(1, size)));
  for (let position = 0; position < size;) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(block, 0, block.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const read = block.subarray(0, bytesRead);
    sha256.update(read);
    sha512.update(read);
  }
  return { sha256: sha256.digest('hex'), sha512: sha512.digest('hex') };
}

/** The SHA-256 of the bytes that Girder returns for a file, in constant memory. */
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
