import type { FileHandle } from 'node:fs/promises';
import type { GirderClient } from '../client.ts';
import { addMetadata, checkMetadata, type Metadata } from './metadata.ts';
import type { TransferOptions } from '../download/stream-file.ts';
import { explainUpload } from './failure.ts';
import { discardItem, ensureItem } from './places.ts';
import { type Uploaded, uploadToItem } from './upload.ts';

/** A file that becomes an item of its name in a folder; the handle stays the caller's to close. */
export type FolderUpload = {
  readonly folderId: string;
  readonly name: string;
  readonly source: FileHandle;
  readonly size: number;
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  readonly metadata?: Metadata | undefined;
};

/**
 * Uploads a file into the item of its name in a folder, as uploadToItem does. An item that was made for it is deleted
 * again after a failure.
 */
export async function uploadToFolder(
  client: GirderClient,
  { folderId, metadata, ...file }: FolderUpload,
  options: TransferOptions,
): Promise<Uploaded> {
  const { signal } = options;
  try {
    checkMetadata(metadata);
    // Girder keeps no space around the name of an item.
    const { itemId, isNew } = await ensureItem(client, { folderId, name: file.name.trim() }, signal);
    const found = isNew ? { file: undefined } : undefined;
    const uploaded = await uploadToItem(client, { ...file, itemId, found }, options).catch(
      async (error: unknown) => {
        if (isNew) await discardItem(client, itemId);
        throw error;
      },
    );
    await addMetadata(client, itemId, metadata, signal);
    return uploaded;
  } catch (error) {
    signal.throwIfAborted();
    throw explainUpload(error, file.name);
  }
}
