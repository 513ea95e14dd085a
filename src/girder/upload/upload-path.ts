import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { metadataKeyProblem } from '../../api/fields.ts';
import { boundsProblem, defined, isRecord, parseJson } from '../../api/json-values.ts';
import { type CreatedPath, inodeOf, ownNamePrefix, removePaths } from '../../io/confined-change.ts';
import { ConfinedPathError, kindOf, openDirectory, openPlace, splitLast } from '../../io/confined.ts';
import { followLinks, openWalked, type WalkedFile } from '../../io/walk.ts';
import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { checkMetadata, type Metadata } from './destination.ts';
import { describeResult, explainUpload, type Uploaded, uploadToFolder, uploadToItem } from './upload.ts';
import {
  type FileTraits,
  Refusals,
  TreeUpload,
  type TreeUploadOptions,
  type UploadedTree,
  type UploadPlace,
} from './upload-tree.ts';

/** Links that are followed never leave the root. */
export type LinkChoice = 'Fail' | 'Skip' | 'Follow';

/**
 * A file or a directory at `path` below `root`, or all of `root`. `filename` replaces the name of a file in
 * Girder. `links` is what happens to symbolic links; `seenAs` is the path of `root` in the target.
 */
export type PathUpload = FileTraits & {
  readonly root: string;
  readonly seenAs?: string | undefined;
  readonly links?: LinkChoice | undefined;
  readonly path?: string | undefined;
  /** A function is called once the path was found. */
  readonly to: UploadPlace | (() => Promise<UploadPlace>);
  readonly filename?: string | undefined;
};

type PlacedUpload = PathUpload & { readonly to: UploadPlace };

/**
 * Uploads a file, or the regular files in a directory: into an item only those directly in it, into a folder
 * all of them, with directories as folders. Each file is stored completely or not at all, and the first
 * failure stops the rest.
 * @throws ConfinedPathError when the path does not exist, is a link to skip, or neither a file nor a directory
 */
export async function uploadPath(
  client: GirderClient,
  upload: PathUpload,
  options: TreeUploadOptions,
): Promise<UploadedTree> {
  const { root, path, metadata, filename } = upload;
  checkMetadata(metadata);
  await using place = path === undefined ? await openDirectory(root, []) : await openChosen(upload, path);
  const stats = await place.stat();
  if (stats.isFile()) return await uploadFile(client, await openWalked(place, path ?? ''), upload, options);
  if (!stats.isDirectory())
    throw new ConfinedPathError('unsafe', `${path} is ${kindOf(stats)}, not a regular file or directory`);
  if (filename !== undefined)
    throw new RunError(
      'InvalidSpec',
      `filename ${filename} applies to a file, but ${path ?? 'the volume'} is a directory`,
    );
  return await uploadDirectory(client, place, await placed(upload), options);
}

async function placed(upload: PathUpload): Promise<PlacedUpload> {
  const { to } = upload;
  return { ...upload, to: typeof to === 'function' ? await to() : to };
}

/**
 * Removes uploaded files that have not changed, and directories that are then empty. Returns the paths that
 * remain.
 */
export function removeUploaded(root: string, sources: readonly CreatedPath[]): Promise<string[]> {
  return removePaths(root, sources);
}

/** In bytes; MongoDB stores 16 MiB in a document. */
const maxMetadataBytes = 256 * 1024;

/**
 * The JSON object in a file that the target wrote.
 * @throws ConfinedPathError if it is missing or not a small file with a JSON object that Girder can store
 */
export async function readMetadata(root: string, path: string): Promise<Metadata> {
  await using place = await openAny(root, path);
  const stats = await place.stat();
  if (!stats.isFile()) throw new ConfinedPathError('unsafe', `it is ${kindOf(stats)}, not a regular file`);
  const { handle } = await openWalked(place, path);
  await using source = handle;
  // The target's other processes may still write to it.
  const { buffer, bytesRead } = await source.read(
    Buffer.alloc(maxMetadataBytes + 1),
    0,
    maxMetadataBytes + 1,
    0,
  );
  if (bytesRead > maxMetadataBytes)
    throw new ConfinedPathError('unsafe', `it has more than ${maxMetadataBytes} bytes`);
  const value = parseJson(buffer.toString('utf8', 0, bytesRead));
  if (!isRecord(value)) throw new ConfinedPathError('unsafe', 'it is not a JSON object');
  const problem = boundsProblem(value, { depth: maxMetadataDepth, bytes: maxMetadataBytes * 2 });
  const wrong = problem === undefined ? metadataKeyProblem(value) : `it ${problem}`;
  if (wrong !== undefined) throw new ConfinedPathError('unsafe', wrong);
  return value;
}

/** MongoDB accepts documents that are nested up to 100 deep. */
const maxMetadataDepth = 50;

/** A text file that becomes a file of an item, or an item in a folder; the caller closes `source`. */
export type LogUpload = {
  readonly to: UploadPlace;
  readonly name: string;
  readonly source: FileHandle;
  readonly size: number;
};

/** Uploads a log as `<name>.log`, or under the next free name such as `<name>-2.log`: it replaces nothing. */
export async function uploadLog(
  client: GirderClient,
  { to, name, source, size }: LogUpload,
  options: TransferOptions,
): Promise<Uploaded> {
  const log = { source, size, mimeType: 'text/plain', ifExists: 'Fail' } as const;
  for (let number = 1; number <= maxLogs; number += 1) {
    const file = { ...log, name: number === 1 ? `${name}.log` : `${name}-${number}.log` };
    try {
      if ('folderId' in to) return await uploadToFolder(client, { ...file, folderId: to.folderId }, options);
      return await uploadToItem(client, { ...file, itemId: to.itemId }, options);
    } catch (error) {
      if (!(error instanceof RunError) || error.reason !== 'FileExists') throw error;
    }
  }
  throw new RunError('UploadFailed', `there are ${maxLogs} logs of ${name} already; delete some of them`);
}

/** How many logs of runs of one name a place can hold. */
const maxLogs = 1000;

async function openChosen({ root, seenAs = root, links }: PathUpload, path: string): Promise<FileHandle> {
  if (links === 'Follow') return followLinks({ root, seenAs }, path);
  const place = await openAny(root, path);
  if (links !== 'Skip' || !(await place.stat()).isSymbolicLink()) return place;
  await place.close();
  throw new ConfinedPathError('missing', `${path} is a symbolic link`);
}

/** What to delete after the upload: of a link that was followed, the link. */
async function sourceOf({ root, links }: PathUpload, { path, inode }: WalkedFile): Promise<CreatedPath> {
  if (links !== 'Follow') return { path, inode };
  try {
    await using place = await openAny(root, path);
    const stats = await place.stat({ bigint: true });
    return { path, inode: stats.isSymbolicLink() ? inodeOf(stats) : inode };
  } catch {
    // A link in the middle of the path: the file stays, because no path without links leads to it.
    return { path, inode };
  }
}

async function openAny(root: string, path: string): Promise<FileHandle> {
  const { parents, name } = splitLast(path);
  await using directory = await openDirectory(root, parents);
  return await openPlace(directory, name, path);
}

async function uploadFile(
  client: GirderClient,
  walked: WalkedFile,
  upload: PathUpload,
  options: TreeUploadOptions,
): Promise<UploadedTree> {
  const { path, handle, size } = walked;
  await using source = handle;
  const { to, filename, ...traits } = await placed(upload);
  const file = { name: filename ?? posix.basename(path), source, size, ...traits };
  const uploaded =
    'folderId' in to
      ? await uploadToFolder(client, { ...file, folderId: to.folderId }, options)
      : await intoItem(client, { ...file, itemId: to.itemId }, options);
  options.onUploaded?.({ ...uploaded, path: posix.basename(path) });
  const sources = options.keepSources === true ? [await sourceOf(upload, walked)] : [];
  const { first: refused, counts: refusedCounts } = new Refusals();
  return { files: 1, size, refused, refusedCounts, sources, unrecorded: 0 };
}

async function intoItem(
  client: GirderClient,
  file: Parameters<typeof uploadToItem>[1] & FileTraits,
  options: TreeUploadOptions,
): Promise<Uploaded> {
  const uploaded = await uploadToItem(client, file, options);
  await describeResult(client, file, options.signal);
  return uploaded;
}

async function uploadDirectory(
  client: GirderClient,
  directory: FileHandle,
  { root, seenAs = root, links: choice = 'Fail', path, to, ...traits }: PlacedUpload,
  options: TreeUploadOptions,
): Promise<UploadedTree> {
  const isOurs = (name: string) => path === undefined && name.startsWith(ownNamePrefix);
  const ignore = (name: string) => isOurs(name) || options.ignore?.(name) === true;
  const links = choice === 'Follow' ? { root, seenAs, base: path ?? '' } : choice;
  const tree = new TreeUpload(client, traits, { ...options, ...defined({ base: path }), ignore, links });
  try {
    return 'folderId' in to
      ? await tree.intoFolder(directory, to.folderId)
      : await tree.intoItem(directory, to);
  } catch (error) {
    options.signal.throwIfAborted();
    throw explainUpload(error, path ?? 'the volume');
  }
}
