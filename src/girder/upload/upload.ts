import type { FileHandle } from 'node:fs/promises';
import { deadline, sleep } from '../../support/abort.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import type { IfExists } from '../../api/hooks.ts';
import type { FailureReason } from '../../api/reasons.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, ignoreBody } from '../documents.ts';
import { mimeTypeOf } from '../file-names.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import {
  addMetadata,
  checkMetadata,
  discardItem,
  ensureItem,
  existsAlready,
  type Metadata,
} from './destination.ts';
import { findSame, hashStored, hasSameTail } from './dedupe.ts';
import { unlessTaken } from './taken-results.ts';
import { listedParts, sendChunks, type Sent } from './send-chunks.ts';
import { UploadSource } from './source.ts';
import {
  type FileDestination,
  findByName,
  isSentWhole,
  newestByName,
  type Started,
  startUpload,
  subjectOf,
  type WholeFile,
} from './start.ts';

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

/** What Girder calls the type of a file without one. */
const untyped = 'application/octet-stream';
const deletedReasons: readonly FailureReason[] = ['GirderNotFound', 'GirderRefused'];

const cancelTimeoutMs = 5_000;
/**
 * Girder 3 may still process an interrupted chunk when the upload is deleted, and then stores the upload
 * again.
 */
const lateChunkMs = 1_000;

/**
 * Uploads a file into an item, completely or not at all. By default it replaces a file with the same name; if
 * that file has the same bytes, it stays unchanged, and Girder triggers no event.
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
    const found = await findExisting(client, upload, options.signal);
    const same = await findSame(client, found.file, upload, options.signal);
    await source.checkUnchanged();
    if (same !== undefined) {
      await correctType(client, found.file, upload, options.signal);
      options.onProgress?.(size, size);
      return { itemId, name, size, ...same, unchanged: true };
    }
    const file = await send(client, { ...upload, found }, source, options);
    const { signal } = options;
    const stored = { kind: 'file', id: file._id, ifExists: upload.ifExists, signal } as const;
    await unlessTaken(client, stored, correctType(client, file, upload, signal));
    if (found.file?.isLink === true) await deleteLink(client, found.file, options.signal);
    return { itemId, fileId: file._id, name, size, sha256: source.digest(), unchanged: false };
  } catch (error) {
    options.signal.throwIfAborted();
    throw explainUpload(error, name);
  }
}

/** The file that an upload replaces. @throws RunError FileExists if it may not replace any */
async function findExisting(
  client: GirderClient,
  upload: ItemUpload,
  signal: AbortSignal,
): Promise<{ readonly file: GirderFile | undefined }> {
  if (upload.ifExists === 'NewItem') return { file: undefined };
  const found = upload.found ?? { file: await findByName(client, upload, signal) };
  if (upload.ifExists === 'Fail' && found.file !== undefined)
    throw existsAlready({ kind: 'item', id: upload.itemId, name: upload.name });
  return found;
}

/** Girder keeps the type of a file whose contents are replaced, so another one is set afterwards. */
async function correctType(
  client: GirderClient,
  file: GirderFile | undefined,
  { name, mimeType }: FileDestination,
  signal: AbortSignal,
): Promise<void> {
  const isUntyped = file?.mimeType === undefined || file.mimeType === untyped;
  const wanted = mimeType ?? (isUntyped ? mimeTypeOf(name) : undefined);
  if (file === undefined || wanted === undefined || file.mimeType === wanted) return;
  const subject = `file ${file._id}`;
  const route = ['file', file._id];
  await client.json({ method: 'PUT', route, form: { mimeType: wanted }, subject, signal, parse: ignoreBody });
}

/** Deletes a link only after the file that replaces it is complete. */
async function deleteLink(client: GirderClient, { _id }: GirderFile, signal: AbortSignal): Promise<void> {
  const subject = `link file ${_id}`;
  try {
    await client.json({ method: 'DELETE', route: ['file', _id], subject, signal, parse: ignoreBody });
  } catch (error) {
    // Another upload, or the first try of this request, has deleted it. Girder answers 400 to an unknown id.
    if (!(error instanceof RunError) || !deletedReasons.includes(error.reason)) throw error;
  }
}

/** A file that becomes an item with its name in a folder; the caller closes the handle. */
export type FolderUpload = {
  readonly folderId: string;
  readonly name: string;
  readonly source: FileHandle;
  readonly size: number;
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  readonly ifExists?: IfExists | undefined;
  readonly metadata?: Metadata | undefined;
};

/**
 * Uploads a file into the item with its name in a folder, or into a new one, as uploadToItem does. After a failure, an item that
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
    const place = { folderId, name: file.name.trim(), ifExists: file.ifExists };
    const { itemId, isNew } = await ensureItem(client, place, signal);
    const found = isNew ? { file: undefined } : undefined;
    const uploaded = await uploadToItem(client, { ...file, itemId, found }, options).catch(
      async (error: unknown) => {
        if (isNew) await discardItem(client, itemId);
        throw error;
      },
    );
    await describeResult(client, { itemId, metadata, ifExists: file.ifExists }, signal);
    return uploaded;
  } catch (error) {
    signal.throwIfAborted();
    throw explainUpload(error, file.name);
  }
}

/** Sets the metadata of an item that has its result. */
export async function describeResult(
  client: GirderClient,
  {
    itemId,
    metadata,
    ifExists,
  }: Pick<FileDestination, 'itemId' | 'ifExists'> & Pick<FolderUpload, 'metadata'>,
  signal: AbortSignal,
): Promise<void> {
  const item = { kind: 'item', id: itemId, ifExists, signal } as const;
  await unlessTaken(client, item, addMetadata(client, itemId, metadata, signal));
}

async function send(
  client: GirderClient,
  upload: ItemUpload,
  source: UploadSource,
  options: TransferOptions,
): Promise<GirderFile> {
  const file = await uploadOnce(client, upload, source, options);
  if (file !== undefined) return file;
  source.restart();
  await source.checkUnchanged();
  const again = await uploadOnce(client, { ...upload, found: undefined }, source, options);
  if (again !== undefined) return again;
  throw new RunError('UploadFailed', `Girder stored ${subjectOf(upload)} incorrectly`);
}

/**
 * One upload from the start; undefined when Girder stored it incorrectly or lost it, and it should start
 * again.
 */
async function uploadOnce(
  client: GirderClient,
  to: ItemUpload,
  source: UploadSource,
  options: TransferOptions,
): Promise<GirderFile | undefined> {
  const { signal } = options;
  const started = await startUpload(client, to, signal, wholeOf(client, to, source, signal));
  if ('file' in started) {
    options.onProgress?.(to.size, to.size);
    return checkSize(started.file, to);
  }
  try {
    const sent = await sendChunks(client, started.upload, source, { ...options, subject: subjectOf(to) });
    const file = sent.file ?? (await findFinished(client, to, started, signal));
    if (file === undefined) return undefined;
    const ifExists = sent.file === undefined ? undefined : to.ifExists;
    const stored = isStored(client, checkSize(file, to), to, { sent, source, signal });
    if ((await unlessTaken(client, { kind: 'file', id: file._id, ifExists, signal }, stored)) !== false)
      return file;
    await discard(client, ['file', file._id], `file ${file._id}`);
    return undefined;
  } catch (error) {
    await cancelUpload(client, started.upload);
    throw error;
  }
}

/**
 * Whether Girder has the bytes that were sent, as far as it may fail to notice that it has not: of several
 * chunks the last bytes are compared, and all of them after an interruption or with more parts than it lists.
 */
async function isStored(
  client: GirderClient,
  file: GirderFile,
  to: ItemUpload,
  { sent, source, signal }: { sent: Sent; source: UploadSource; signal: AbortSignal },
): Promise<boolean> {
  if (sent.wasResumed || sent.chunks > listedParts) {
    try {
      return (await hashStored(client, file, signal)) === source.digest();
    } catch (error) {
      signal.throwIfAborted();
      if ((await hasSameTail(client, file, to, signal)) === false) return false;
      throw error;
    }
  }
  return sent.chunks === 1 || (await hasSameTail(client, file, to, signal)) !== false;
}

/** Undefined for a file that is not sent whole. */
function wholeOf(
  client: GirderClient,
  to: FileDestination,
  source: UploadSource,
  signal: AbortSignal,
): WholeFile | undefined {
  if (to.size === 0 || !isSentWhole(to)) return undefined;
  return {
    read: () => source.readAll(),
    isStored: async (file) => (await hashStored(client, file, signal)) === source.digest(),
  };
}

/** The file, if a chunk whose response was lost has completed it. */
async function findFinished(
  client: GirderClient,
  to: FileDestination,
  { replaces, ...started }: Started,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  const isAdded = to.ifExists === 'NewItem';
  const file = await (isAdded ? newestByName : findByName)(client, to, signal);
  if (file?.size !== to.size) return undefined;
  // MongoDB's ids grow, so a file that this upload added has a greater one than the upload.
  if (isAdded) return 'upload' in started && file._id > started.upload._id ? file : undefined;
  return file._id !== replaces?._id || file.created !== replaces.created ? file : undefined;
}

/** @throws RunError UploadFailed if Girder has another number of bytes than were sent */
export function checkSize(
  file: GirderFile,
  { name, size }: Pick<FileDestination, 'name' | 'size'>,
): GirderFile {
  if (file.size === size) return file;
  throw new RunError('UploadFailed', `Girder stored ${file.size} bytes of ${name}, but ${size} were sent`);
}

/**
 * Best effort, also after the run was cancelled: a remaining upload is invisible until Girder's administrator
 * deletes it.
 */
export async function cancelUpload(client: GirderClient, upload: GirderUpload): Promise<void> {
  const route = ['file', 'upload', upload._id];
  await discard(client, route, 'the unfinished upload');
  await sleep(lateChunkMs);
  await discard(client, route, 'the unfinished upload');
}

/** Deletes a document that an upload leaves: best effort. */
export async function discard(
  client: GirderClient,
  route: readonly string[],
  subject: string,
): Promise<void> {
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
