import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { ByteSink } from '../../io/byte-sink.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import { streamFile } from '../download/stream-file.ts';

const blockBytes = 256 * 1024;

/** A file here: `size` bytes of an open regular file. */
type LocalFile = { readonly source: FileHandle; readonly size: number };

/**
 * The file in Girder if it has the same bytes as the local one, with their SHA-256. Girder mostly tells no hash of its
 * own; then the stored bytes are read, which costs no more than sending them would.
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
    const fresh = block.subarray(0, bytesRead);
    sha256.update(fresh);
    sha512.update(fresh);
  }
  return { sha256: sha256.digest('hex'), sha512: sha512.digest('hex') };
}

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
