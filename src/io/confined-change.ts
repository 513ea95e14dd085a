import type { BigIntStats } from 'node:fs';
import { type FileHandle, link, lstat, rename, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from '../support/errors.ts';
import {
  alreadyExists,
  ConfinedPathError,
  createInDirectory,
  inDirectory,
  isFree,
  openDirectory,
  splitLast,
} from './confined.ts';

/** A path below a root that was created or is about to be; a file has an inode, a directory has none. */
export type CreatedPath = { readonly path: string; readonly inode?: string };

/** Files and directories with this prefix are certainly ours, even without an inode. */
export const ownNamePrefix = '.dockerrun-';

/** Identifies a file on the machine, whatever its names: its device and its inode. */
export function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** Error codes of file systems without hard links (FAT, some network file systems). */
const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Fails when an entry of any kind has the name already. */
export async function refuseExisting(root: string, relativePath: string): Promise<void> {
  const { parents, name } = splitLast(relativePath);
  await using directory = await openDirectory(root, parents);
  if (!(await isFree(directory, name))) throw alreadyExists(relativePath);
}

/**
 * Gives the finished file `temporary` its final name in the same directory, and never replaces an entry. The
 * file keeps its inode. Without hard links an empty file reserves the name first, which `onReserve` receives.
 */
export async function publishFile(
  root: string,
  temporary: string,
  relativePath: string,
  onReserve?: (made: CreatedPath) => void,
): Promise<void> {
  await using directory = await openDirectory(root, splitLast(relativePath).parents);
  await publishInDirectory(directory, temporary, relativePath, onReserve);
}

/** Like {@link publishFile}, in a directory that is open already. */
export async function publishInDirectory(
  directory: FileHandle,
  temporary: string,
  relativePath: string,
  onReserve?: (made: CreatedPath) => void,
): Promise<void> {
  const { name } = splitLast(relativePath);
  const from = inDirectory(directory, splitLast(temporary).name);
  const to = inDirectory(directory, name);
  try {
    await link(from, to);
    await unlink(from);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw alreadyExists(relativePath);
    if (!noHardLinks.has(errorCode(error) ?? '')) throw error;
    // Reserving the name first makes the rename replace only what is ours.
    await using reserved = await createInDirectory(directory, name, relativePath);
    onReserve?.({ path: relativePath, inode: inodeOf(await reserved.stat({ bigint: true })) });
    await rename(from, to);
  }
}

/**
 * Removes what was created below `root`: an empty directory, or a file if it still has that inode. Returns
 * true when no entry has that name any more.
 */
export async function removePath(root: string, made: CreatedPath): Promise<boolean> {
  await using removal = new PathRemoval(root);
  return await removal.remove(made);
}

/** Removes paths as removePath does; the directory of the last one stays open for the next. */
export class PathRemoval implements AsyncDisposable {
  readonly #root: string;
  #open: { readonly path: string; readonly handle: Promise<FileHandle> } | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** Calls may overlap only for names in one directory. */
  async remove(made: CreatedPath): Promise<boolean> {
    const { parents, name } = splitLast(made.path);
    try {
      const path = inDirectory(await this.#directory(parents), name);
      const stats = await lstat(path, { bigint: true });
      if (stats.isDirectory()) await rmdir(path);
      else if (name.startsWith(ownNamePrefix) || inodeOf(stats) === made.inode) await unlink(path);
      else return false;
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      if (error instanceof ConfinedPathError) return error.problem === 'missing';
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { handle } = this.#open ?? {};
    this.#open = undefined;
    await (await handle?.catch(() => undefined))?.close();
  }

  /** Calls that overlap share one handle: the first of them may not have opened it yet. */
  #directory(parents: readonly string[]): Promise<FileHandle> {
    const path = parents.join('/');
    if (this.#open?.path === path) return this.#open.handle;
    const handle = this[Symbol.asyncDispose]().then(() => openDirectory(this.#root, parents));
    const open = { path, handle };
    this.#open = open;
    // The directory may exist at the next call.
    handle.catch(() => (this.#open === open ? (this.#open = undefined) : undefined));
    return handle;
  }
}

/** Removes created paths from the last to the first, as removePath does; returns those that had to stay. */
export async function removePaths(root: string, made: readonly CreatedPath[]): Promise<string[]> {
  const kept = new Set<string>();
  await using removal = new PathRemoval(root);
  for (const one of made.toReversed()) {
    const isGone = await removal.remove(one).catch(() => false);
    if (isGone) kept.delete(one.path);
    else kept.add(one.path);
  }
  return [...kept];
}
