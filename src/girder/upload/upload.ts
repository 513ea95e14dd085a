import type { FileHandle } from 'node:fs/promises';
import { deadline, sleep } from '../../support/abort.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, ignoreBody } from '../documents.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { addMetadata, checkMetadata, discardItem, ensureItem, type Metadata } from './destination.ts';
import { findSame, hashStored } from './dedupe.ts';
import { sendChunks } from './send-chunks.ts';
import { UploadSource } from './source.ts';
import { type FileDestination, findByName, type Started, startUpload, subjectOf } from './start.ts';

/** `size` bytes of an open regular file, which the caller closes. */
type ItemUpload = FileDestination & { readonly source: FileHandle };

/** A result in Girder; `sha256` is computed from the local bytes. */
export type Uploaded = {
  readonly itemId: string;
  readonly fileId: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** True when Girder already had a file with this name and these bytes, so that nothing was sent. */
  readonly unchanged: boolean;
};

/** In bytes: 5 TiB, the largest object of S3, in which Girder may store it. */
export const maxFileBytes = 5 * 1024 ** 4;

/** A sparse file has any length at no cost, so the length is checked before the first byte is sent. */
function checkResultSize({ name, size }: Pick<FileDestination, 'name' | 'size'>): void {
  if (size <= maxFileBytes) return;
  throw new RunError(
    'OutputTooLarge',
    `${name} has ${size} bytes, and a result may have at most ${maxFileBytes}`,
  );
}

const cancelTimeoutMs = 5_000;
/**
 * Girder 3 may still process an interrupted chunk when the upload is deleted, and then stores the upload
 * again.
 */
const lateChunkMs = 1_000;

/**
 * Uploads a file into an item, completely or not at all, replacing a file with the same name. If that file
 * has the same bytes, it stays unchanged, and Girder triggers no event.
 */
export async function uploadToItem(
  client: GirderClient,
  upload: ItemUpload,
  options: TransferOptions,
): Promise<Uploaded> {
  const { itemId, name, size } = upload;
  checkResultSize(upload);
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

/** A file that becomes an item with its name in a folder; the caller closes the handle. */
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
 * Uploads a file into the item with its name in a folder, as uploadToItem does. After a failure, an item that
 * was created for it is deleted.
 */
export async function uploadToFolder(
  client: GirderClient,
  { folderId, metadata, ...file }: FolderUpload,
  options: TransferOptions,
): Promise<Uploaded> {
  const { signal } = options;
  try {
    checkMetadata(metadata);
    checkResultSize(file);
    // Girder strips spaces from both ends of an item's name.
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

/**
 * One upload from the start; undefined when Girder stored it incorrectly or lost it, and it should start
 * again.
 */
async function uploadOnce(
  client: GirderClient,
  to: FileDestination,
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
    // Girder may store an interrupted chunk twice or in part without noticing it, so the stored bytes are
    // checked.
    if ((await hashStored(client, file, signal)) === source.digest()) return file;
    await deleteFile(client, file);
    return undefined;
  } catch (error) {
    await cancelUpload(client, started.upload);
    throw error;
  }
}

/** The file, if a chunk whose response was lost has completed it. */
async function findFinished(
  client: GirderClient,
  to: FileDestination,
  { replaces }: Started,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  const file = await findByName(client, to, signal);
  const isNew = file?._id !== replaces?._id || file?.created !== replaces?.created;
  return isNew && file?.size === to.size ? file : undefined;
}

function checkSize(file: GirderFile | undefined, { name, size }: FileDestination): GirderFile | undefined {
  if (file === undefined || file.size === size) return file;
  throw new RunError('UploadFailed', `Girder stored ${file.size} bytes of ${name}, but ${size} were sent`);
}

/**
 * Best effort, also after the run was cancelled: a remaining upload is invisible until Girder's administrator
 * deletes it.
 */
async function cancelUpload(client: GirderClient, upload: GirderUpload): Promise<void> {
  const route = ['file', 'upload', upload._id];
  await discard(client, route, 'the unfinished upload');
  await sleep(lateChunkMs);
  await discard(client, route, 'the unfinished upload');
}

async function deleteFile(client: GirderClient, file: GirderFile): Promise<void> {
  await discard(client, ['file', file._id], `file ${file._id}`);
}

async function discard(client: GirderClient, route: readonly string[], subject: string): Promise<void> {
  const signal = deadline(cancelTimeoutMs);
  await client.json({ method: 'DELETE', route, subject, signal, parse: ignoreBody }).catch(() => undefined);
}

/**
 * Errors of credentials and ids keep their reason; other errors become UploadFailed, with `subject` in the
 * message.
 */
export function explainUpload(error: unknown, subject: string): unknown {
  if (error instanceof RunError) {
    if (error.reason !== 'GirderUnavailable' && error.reason !== 'GirderRefused') return error;
    return new RunError('UploadFailed', error.message);
  }
  if (errorCode(error) === undefined) return error;
  return new RunError('UploadFailed', `cannot read ${subject}: ${describe(error)}`);
}
