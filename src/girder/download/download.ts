import { posix } from 'node:path';
import { type CreatedPath, removePaths } from '../../io/confined-change.ts';
import { ConfinedPathError, pathSegments } from '../../io/confined.ts';
import { errorCode, RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { safeFileName } from '../file-names.ts';
import { describeFolder, describeItem } from '../lookup.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { CreatedPaths, placeFile } from './created-paths.ts';
import { describeFile } from './stream-file.ts';
import { TreeDownload, type TreeLimits } from './download-tree.ts';

/** Which file goes where: to `filename` below the directory `into`, or else to `<fileId>/<its name in Girder>`. */
type DownloadTarget = {
  readonly fileId: string;
  readonly into: string;
  readonly filename?: string | undefined;
};

/** An item goes to `<itemId>/<its name in Girder>` below the directory `into`. */
type ItemTarget = { readonly itemId: string; readonly into: string };

/** A folder goes to `<folderId>/<folderName, or else its name in Girder>` below the directory `into`. */
type FolderTarget = {
  readonly folderId: string;
  readonly into: string;
  readonly folderName?: string | undefined;
};

/** `onCreate` hears each path below `into` before it is made, so that a killed run's leftovers can be found. */
type DownloadOptions = TransferOptions & {
  readonly onCreate?: ((made: CreatedPath) => void) | undefined;
};

/** `onProgress` gets no total while there may be more files to come. */
export type TreeOptions = DownloadOptions & TreeLimits;

/**
 * A complete file or directory: the bytes and number of its files; `created` lists what was made below `into`, in
 * order, for removeDownload.
 */
type Downloaded = {
  readonly relativePath: string;
  readonly size: number;
  readonly files: number;
  readonly created: readonly CreatedPath[];
};

/** Downloads a file; it gets its name only when it is complete, and after a failure nothing of it is left. */
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
 * Downloads an item: as a file, if it has exactly one file and that has the item's name, or else as a directory of its
 * files. After a failure nothing of it is left.
 */
export function downloadItem(
  client: GirderClient,
  { itemId, into }: ItemTarget,
  options: TreeOptions,
): Promise<Downloaded> {
  return completeOrAbsent({ subject: `item ${itemId}`, into }, options, async (made) => {
    const item = await describeItem(client, itemId, options.signal);
    const path = [itemId, safeFileName(item.name)];
    const totals = await new TreeDownload(client, { into, made }, options).item(item, path);
    return { ...totals, relativePath: path.join('/') };
  });
}

/**
 * Downloads a folder with all that the user may read in it: subfolders as directories, items as downloadItem does. Two
 * entries that get one name here both arrive. After a failure nothing of it is left.
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

/** Removes what a download made, but nothing that somebody else put beside it; tells what had to stay. */
export function removeDownload(into: string, created: readonly CreatedPath[]): Promise<string[]> {
  return removePaths(into, created);
}

async function completeOrAbsent(
  { subject, into }: { subject: string; into: string },
  { signal, onCreate }: DownloadOptions,
  download: (made: CreatedPaths) => Promise<Omit<Downloaded, 'created'>>,
): Promise<Downloaded> {
  const made = new CreatedPaths(onCreate);
  try {
    return { ...(await download(made)), created: made.list() };
  } catch (error) {
    await removeDownload(into, made.list());
    signal.throwIfAborted();
    throw explainDownload(error, subject, into);
  }
}

/** Errors of the volume in the user's words, `subject` being like "folder 5f0c…"; Girder's are classified already. */
function explainDownload(error: unknown, subject: string, into: string): unknown {
  if (error instanceof RunError) return error;
  if (error instanceof ConfinedPathError) {
    return new RunError(placeReasons[error.problem], `${subject} cannot be downloaded: ${error.message}`);
  }
  const why = volumeTroubles.get(errorCode(error) ?? '');
  if (why === undefined) return error;
  return new RunError(
    'DownloadFailed',
    `${subject} cannot be written into ${into}: ${why} (${errorCode(error)})`,
  );
}

const placeReasons = {
  invalid: 'InvalidSpec',
  exists: 'FileExists',
  unsafe: 'DownloadFailed',
  missing: 'DownloadFailed',
} as const;

const volumeTroubles = new Map([
  ['ENOSPC', 'there is no space left on the volume'],
  ['EDQUOT', 'the quota of the volume is used up'],
  ['EFBIG', 'the volume does not take files of this size'],
  ['ENAMETOOLONG', 'the volume does not take names of this length'],
  ['EACCES', 'the worker may not write there'],
  ['EPERM', 'the worker may not write there'],
  ['EROFS', 'the volume is read-only'],
  ['ENOENT', 'the volume does not exist'],
  ['EIO', 'the disk has errors'],
]);
