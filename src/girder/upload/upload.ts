import type { FileHandle } from 'node:fs/promises';
import { deadline, sleep } from '../../support/abort.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseNothing } from '../documents.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { addMetadata, checkMetadata, discardItem, ensureItem, type Metadata } from './destination.ts';
import { findSame, hashStored } from './dedupe.ts';
import { sendChunks } from './send-chunks.ts';
import { UploadSource } from './source.ts';
import { type Destination, findByName, type Started, startUpload, subjectOf } from './start.ts';

/** A file to upload: `size` bytes of an open regular file, which stays the caller's to close. */
type ItemUpload = Destination & { readonly source: FileHandle };

/** A result in Girder; `sha256` is that of the bytes here. */
export type Uploaded = {
  readonly itemId: string;
  readonly fileId: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** Girder had a file of this name with these very bytes, so nothing was sent. */
  readonly unchanged: boolean;
};

const cancelWithin = 5_000;
/** Girder 3 may still be at the broken chunk when it is told to forget the upload, and then it stores the upload again. */
const lateChunkTime = 1_000;

/**
 * Uploads a file into an item, in place of one that has the name already: completely or not at all. A file of the name
 * that has the same bytes stays as it is, and no event of Girder tells of it.
 */
export async function uploadToItem(
  client: GirderClient,
  upload: ItemUpload,
  options: TransferOptions,
): Promise<Uploaded> {
  const { itemId, name, size } = upload;
  const source = new UploadSource({ handle: upload.source, name, size });
  try {
    await source.checkUnchanged();
    const found = upload.found ?? { file: await findByName(client, upload, options.signal) };
    const same = await findSame(client, found.file, upload, options.signal);
    await source.checkUnchanged();
    if (same !== undefined) {
      options.onProgress?.(size, size);
      return { itemId, name, size, ...same, unchanged: true };
    }
    const fileId = await send(client, { ...upload, found }, source, options);
    return { itemId, fileId, name, size, sha256: source.digest(), unchanged: false };
  } catch (error) {
    options.signal.throwIfAborted();
    throw explainUpload(error, name);
  }
}

async function send(
  client: GirderClient,
  upload: ItemUpload,
  source: UploadSource,
  options: TransferOptions,
): Promise<string> {
  const file = await uploadOnce(client, upload, source, options);
  if (file !== undefined) return file._id;
  source.restart();
  await source.checkUnchanged();
  const again = await uploadOnce(client, { ...upload, found: undefined }, source, options);
  if (again !== undefined) return again._id;
  throw new RunError('UploadFailed', `Girder stored ${subjectOf(upload)} incorrectly`);
}

/** One upload from the beginning; undefined when it went wrong on Girder's side and should begin again. */
async function uploadOnce(
  client: GirderClient,
  to: Destination,
  source: UploadSource,
  options: TransferOptions,
): Promise<GirderFile | undefined> {
  const { signal } = options;
  const started = await startUpload(client, to, signal);
  if ('file' in started) return started.file;
  try {
    const sent = await sendChunks(client, started.upload, source, { ...options, subject: subjectOf(to) });
    const file = sent.file ?? (await findFinished(client, to, started, signal));
    if (file === undefined || !sent.wasResumed) return checkSize(file, to);
    // Girder may store a chunk that broke twice or in part, and its own checks do not see it: so we look.
    if ((await hashStored(client, file, signal)) === source.digest()) return file;
    await deleteFile(client, file);
    return undefined;
  } catch (error) {
    await cancelUpload(client, started.upload);
    throw error;
  }
}

/** After the answer to the last chunk was lost: the file, if that chunk did complete it. */
async function findFinished(
  client: GirderClient,
  to: Destination,
  { replaces }: Started,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  const file = await findByName(client, to, signal);
  const isNew = file?._id !== replaces?._id || file?.created !== replaces?.created;
  return isNew && file?.size === to.size ? file : undefined;
}

function checkSize(file: GirderFile | undefined, { name, size }: Destination): GirderFile | undefined {
  if (file === undefined || file.size === size) return file;
  throw new RunError('UploadFailed', `Girder has ${file.size} bytes of ${name}, but ${size} were sent`);
}

/** Best effort, also after the run was cancelled: what stays is invisible in Girder and cleared by its administrator. */
async function cancelUpload(client: GirderClient, upload: GirderUpload): Promise<void> {
  const route = ['file', 'upload', upload._id];
  await discard(client, route, 'the unfinished upload');
  await sleep(lateChunkTime);
  await discard(client, route, 'the unfinished upload');
}

async function deleteFile(client: GirderClient, file: GirderFile): Promise<void> {
  await discard(client, ['file', file._id], `file ${file._id}`);
}

async function discard(client: GirderClient, route: readonly string[], subject: string): Promise<void> {
  const signal = deadline(cancelWithin);
  await client.json({ method: 'DELETE', route, subject, signal, parse: parseNothing }).catch(() => undefined);
}

/** What the user's credentials or ids caused keeps its reason; anything else is a failed upload of `subject`. */
export function explainUpload(error: unknown, subject: string): unknown {
  if (error instanceof RunError) {
    if (error.reason !== 'GirderUnavailable' && error.reason !== 'GirderRefused') return error;
    return new RunError('UploadFailed', error.message);
  }
  if (errorCode(error) === undefined) return error;
  return new RunError('UploadFailed', `${subject} cannot be read: ${describe(error)}`);
}

/** A file that becomes an item of its name in a folder; the handle stays the caller's to close. */
type FolderUpload = {
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
