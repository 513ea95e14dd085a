import { createHash, randomBytes } from 'node:crypto';
import { anItem, girder } from './girder.ts';
import { girderOf } from './job-run.ts';
import type { Manifest } from './runs.ts';

/** A file in Girder that is too big for memory; `remove` frees its space. */
export type BigFile = { fileId: string; sha256: string; remove: () => Promise<void> };

const chunkBytes = 64 * 2 ** 20;

type Upload = { _id: string; received?: number };

/** Uploads `size` bytes: one random block repeated, each time with its offset, so that no two are alike. */
export async function bigFile(size: number): Promise<BigFile> {
  const item = await anItem(`big ${size}`);
  const query = `parentType=item&parentId=${item}&name=big.bin&size=${size}`;
  const upload = await girder<Upload>('POST', `file?${query}`);
  const block = randomBytes(Math.min(size, chunkBytes));
  const hash = createHash('sha256');
  let last = upload;
  for (let offset = 0; offset < size; offset += block.length) {
    block.writeBigUInt64LE(BigInt(offset));
    const chunk = block.subarray(0, Math.min(block.length, size - offset));
    hash.update(chunk);
    last = await sendChunk(upload._id, offset, chunk);
  }
  return {
    fileId: last._id,
    sha256: hash.digest('hex'),
    remove: async () => void (await girder('DELETE', `item/${item}`)),
  };
}

/** The fields of a run whose target reads a file of Girder from a pipe; its path is `$(live)`. */
export function throughPipe({ fileId }: BigFile): Manifest {
  const output = { namedInputPipe: { name: 'live' } };
  return {
    transforms: [{ name: 'live', connect: { input: { girderFileIdToStream: { fileId } }, output } }],
    girder: girderOf(),
  };
}

/** Sends a chunk, again if Girder did not get it: Girder closes connections that idle on a busy machine. */
async function sendChunk(uploadId: string, offset: number, chunk: Buffer): Promise<Upload> {
  const send = () => girder<Upload>('POST', `file/chunk?uploadId=${uploadId}&offset=${offset}`, chunk);
  try {
    return await send();
  } catch (error) {
    const { offset: received } = await girder<{ offset: number }>('GET', `file/offset?uploadId=${uploadId}`);
    if (received !== offset) throw error;
    return send();
  }
}
