import { posix } from 'node:path';
import { type CreatedPath, refuseExisting, removePaths } from '../../io/confined-change.ts';
import { ConfinedPathError, pathSegments, splitLast } from '../../io/confined.ts';
import { errorCode, RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile, NamedDocument } from '../documents.ts';
import { safeFileName } from '../file-names.ts';
import { describeFolder, describeItem, describeMetadata } from '../lookup.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { CreatedPaths, ensureDirectory, placeFile, placeSmallFiles } from './created-paths.ts';
import { describeFile } from './stream-file.ts';
import { TreeDownload, type TreeLimits, type TreeListeners } from './download-tree.ts';

/**
 * The file is downloaded to `filename` below the directory `into`; by default to `<fileId>/<its name in
 * Girder>`.
 */
type DownloadTarget = {
  readonly fileId: string;
  readonly into: string;
  readonly filename?: string | undefined;
};

/** An item of which the caller has just listed all files. */
export type ListedItem = NamedDocument & { readonly files: readonly GirderFile[] };

/**
 * The item is downloaded to `<itemId>/<its name in Girder>` below the directory `into`; what is listed is not asked
 * for again.
 */
type ItemTarget = {
  readonly itemId: string;
  readonly into: string;
  readonly listed?: ListedItem | undefined;
};

/**
 * The folder is downloaded to `<folderId>/<folderName>` below `into`; `folderName` is by default its name in
 * Girder.
 */
type FolderTarget = {
  readonly folderId: string;
  readonly into: string;
  readonly folderName?: string | undefined;
};

/** The item or folder that has the metadata. */
export type MetadataOwner = { readonly kind: 'item' | 'folder'; readonly id: string };

/** The metadata is written to `filename` below the directory `into`; by default to `<id>.metadata.json`. */
type MetadataTarget = {
  readonly of: MetadataOwner;
  readonly into: string;
  readonly filename?: string | undefined;
};

/**
 * `onCreate` gets each path below `into` before it is created, so that the leftovers of a killed run can be
 * found.
 */
type DownloadOptions = TransferOptions & {
  readonly onCreate?: ((made: CreatedPath) => void) | undefined;
  /**
   * The caller removes what `onCreate` got, also after a failure: the download then keeps no list in memory,
   * and `created` is empty.
   */
  readonly isUndoneByCaller?: boolean;
};

/** The total of `onProgress` is undefined until all files are listed. */
export type TreeOptions = DownloadOptions & TreeListeners & TreeLimits;

/**
 * `size` is the bytes of all files. `created` lists the paths that were created below `into`, in order, for
 * removeDownload.
 */
type Downloaded = {
  readonly relativePath: string;
  readonly size: number;
  readonly files: number;
  readonly created: readonly CreatedPath[];
};

/**
 * Downloads a file, which appears under its name only when it is complete. After a failure, no part of it
 * remains.
 */
export function downloadFile(
  client: GirderClient,
  { fileId, into, filename }: DownloadTarget,
  options: DownloadOptions,
): Promise<Downloaded> {
  return completeOrAbsent({ subject: `file ${fileId}`, into }, options, async (made) => {
    const file = await describeFile(client, fileId, options.signal);
    const relativePath = filename ?? posix.join(fileId, safeFileName(file.name));
    const size = await placeFile(client, file, { into, relativePath, made }, options);
    return { relativePath, size, files: 1 };
  });
}

/**
 * Downloads an item: as a file if it has exactly one, with the item's name, else as a directory of its files.
 * After a failure, no part of it remains.
 */
export function downloadItem(
  client: GirderClient,
  { itemId, into, listed }: ItemTarget,
  options: TreeOptions,
): Promise<Downloaded> {
  return completeOrAbsent({ subject: `item ${itemId}`, into }, options, async (made) => {
    const item = listed ?? (await describeItem(client, itemId, options.signal));
    const path = [itemId, safeFileName(item.name)];
    const totals = await new TreeDownload(client, { into, made }, options).item(item, path, listed?.files);
    return { ...totals, relativePath: path.join('/') };
  });
}

/**
 * Downloads a folder with all that the user may read in it, even entries with the same name: subfolders as
 * directories, items as downloadItem does. After a failure, no part of it remains.
 */
export function downloadFolder(
  client: GirderClient,
  { folderId, into, folderName }: FolderTarget,
  options: TreeOptions,
): Promise<Downloaded> {
  return completeOrAbsent({ subject: `folder ${folderId}`, into }, options, async (made) => {
    const { name } = await describeFolder(client, folderId, options.signal);
    const path = [folderId, ...pathSegments(folderName ?? safeFileName(name))];
    const totals = await new TreeDownload(client, { into, made }, options).folder(folderId, path);
    return { ...totals, relativePath: path.join('/') };
  });
}

/** Writes the metadata of an item or a folder as one JSON object. After a failure, no part of the file remains. */
export function downloadMetadata(
  client: GirderClient,
  { of, into, filename }: MetadataTarget,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { signal } = options;
  const subject = `the metadata of ${of.kind} ${of.id}`;
  return completeOrAbsent({ subject, into }, options, async (made) => {
    const bytes = Buffer.from(`${JSON.stringify(await describeMetadata(client, of, signal))}\n`);
    const relativePath = filename ?? `${of.id}.metadata.json`;
    const { parents: segments, name } = splitLast(relativePath);
    await ensureDirectory(into, segments, made);
    await refuseExisting(into, relativePath);
    const onPlaced = () => options.onProgress?.(bytes.length, bytes.length);
    await placeSmallFiles({ into, segments, made }, [{ name, bytes }], { signal, onPlaced });
    return { relativePath, size: bytes.length, files: 1 };
  });
}

/** Removes what a download created, but no other files. Returns the paths that could not be removed. */
export function removeDownload(into: string, created: readonly CreatedPath[]): Promise<string[]> {
  return removePaths(into, created);
}

async function completeOrAbsent(
  { subject, into }: { subject: string; into: string },
  { signal, onCreate, isUndoneByCaller }: DownloadOptions,
  download: (made: CreatedPaths) => Promise<Omit<Downloaded, 'created'>>,
): Promise<Downloaded> {
  const made = new CreatedPaths(onCreate, isUndoneByCaller);
  try {
    return { ...(await download(made)), created: made.list() };
  } catch (error) {
    await removeDownload(into, made.list());
    signal.throwIfAborted();
    throw explainDownload(error, subject, into);
  }
}

/**
 * Explains errors of the volume, with `subject` like "folder 5f0c…"; errors of Girder are already classified.
 */
function explainDownload(error: unknown, subject: string, into: string): unknown {
  if (error instanceof RunError) return error;
  if (error instanceof ConfinedPathError) {
    return new RunError(placeReasons[error.problem], `cannot download ${subject}: ${error.message}`);
  }
  const why = volumeErrors.get(errorCode(error) ?? '');
  if (why === undefined) return error;
  return new RunError('DownloadFailed', `cannot write ${subject} to ${into}: ${why} (${errorCode(error)})`);
}

const placeReasons = {
  invalid: 'InvalidSpec',
  exists: 'FileExists',
  unsafe: 'DownloadFailed',
  missing: 'DownloadFailed',
} as const;

const volumeErrors = new Map([
  ['ENOSPC', 'there is no space left on the volume'],
  ['EDQUOT', 'the quota of the volume is used up'],
  ['EFBIG', 'the file is too large for the volume'],
  ['ENAMETOOLONG', 'the name is too long for the volume'],
  ['EACCES', 'the worker has no write permission'],
  ['EPERM', 'the worker has no write permission'],
  ['EROFS', 'the volume is read-only'],
  ['ENOENT', 'the volume does not exist'],
  ['EIO', 'the disk reports an error'],
]);
