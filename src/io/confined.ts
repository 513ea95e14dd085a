import type { Stats } from 'node:fs';
import { chmod, constants, type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { errorCode } from '../support/errors.ts';

type ConfinedPathProblem = 'invalid' | 'missing' | 'unsafe' | 'exists';

/** A path that would leave its root, has the wrong kind, or is taken; `message` is for users. */
export class ConfinedPathError extends Error {
  override readonly name = 'ConfinedPathError';
  readonly problem: ConfinedPathProblem;

  constructor(problem: ConfinedPathProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Opens a file for reading if it really is a regular file below `root`; the caller closes the handle. */
export async function openRegularFile(root: string, relativePath: string): Promise<FileHandle> {
  const { parents, name } = splitLast(relativePath);
  await using directory = await openDirectory(root, parents);
  await using place = await openPlace(directory, name, relativePath);
  const stats = await place.stat();
  if (!stats.isFile()) {
    throw new ConfinedPathError('unsafe', `${relativePath} is ${kindOf(stats)}, not a regular file`);
  }
  // Reopens the place, not the name: what was checked is what is read, even when it is renamed meanwhile.
  return await open(`/proc/self/fd/${place.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** Creates a new file for writing with exactly `mode`; never replaces an entry, not even a dangling link. */
export async function createFile(root: string, relativePath: string, mode: number): Promise<FileHandle> {
  const { parents, name } = splitLast(relativePath);
  await using directory = await openDirectory(root, parents);
  const handle = await createInDirectory(directory, name, relativePath);
  try {
    await handle.chmod(mode);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Creates the missing directories of a path below `root` with exactly `mode`, whatever the umask. `onCreate`
 * receives each path before it is created.
 */
export async function makeDirectories(
  root: string,
  segments: readonly string[],
  mode: number,
  onCreate?: (relativePath: string) => void,
): Promise<void> {
  let directory = await openRoot(root);
  try {
    for (const [index, name] of segments.entries()) {
      const relativePath = segments.slice(0, index + 1).join('/');
      const isNew = await isFree(directory, name);
      if (isNew) {
        onCreate?.(relativePath);
        await makeDirectory(directory, name);
      }
      const child = await openChildDirectory(directory, name, relativePath);
      await directory.close();
      directory = child;
      if (isNew) await chmod(`/proc/self/fd/${directory.fd}`, mode);
    }
  } finally {
    await directory.close();
  }
}

async function makeDirectory(directory: FileHandle, name: string): Promise<void> {
  try {
    await mkdir(inDirectory(directory, name), 0o700);
  } catch (error) {
    // Another process created it at the same time, which serves as well.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** Opens the directory at `segments` below `root` step by step, so that it never follows a link. */
export async function openDirectory(root: string, segments: readonly string[]): Promise<FileHandle> {
  let directory = await openRoot(root);
  for (const [index, name] of segments.entries()) {
    const parent = directory;
    try {
      directory = await openChildDirectory(parent, name, segments.slice(0, index + 1).join('/'));
    } finally {
      await parent.close();
    }
  }
  return directory;
}

// The operator's configuration names the root, not the target, so a link to it is followed.
function openRoot(root: string): Promise<FileHandle> {
  return open(root, O_PATH | constants.O_DIRECTORY);
}

async function openChildDirectory(
  directory: FileHandle,
  name: string,
  relativePath: string,
): Promise<FileHandle> {
  const place = await openPlace(directory, name, relativePath);
  try {
    const stats = await place.stat();
    if (stats.isDirectory()) return place;
    throw new ConfinedPathError('unsafe', `${relativePath} is ${kindOf(stats)}, not a directory`);
  } catch (error) {
    await place.close();
    throw error;
  }
}

/** Marks the entry with this name, even if it is a link, so that it can be inspected before it is used. */
export async function openPlace(
  directory: FileHandle,
  name: string,
  relativePath: string,
): Promise<FileHandle> {
  try {
    return await open(inDirectory(directory, name), O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new ConfinedPathError('missing', `${relativePath} does not exist in the volume`);
  }
}

/** Creates a new file of mode 0600 in an open directory. */
export async function createInDirectory(
  directory: FileHandle,
  name: string,
  relativePath: string,
): Promise<FileHandle> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
  try {
    return await open(inDirectory(directory, name), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? alreadyExists(relativePath) : error;
  }
}

/** True when no entry has the name, not even a dangling link. */
export async function isFree(directory: FileHandle, name: string): Promise<boolean> {
  try {
    await lstat(inDirectory(directory, name));
    return false;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
}

export function alreadyExists(relativePath: string): ConfinedPathError {
  return new ConfinedPathError('exists', `${relativePath} already exists in the volume`);
}

/**
 * Linux's O_PATH, which Node does not name: the descriptor only marks the place. Opening it never blocks on a
 * pipe, never wakes a device and never follows a link, so it is safe on what a hostile target left behind.
 */
export const O_PATH = 0o10000000;

/** A path to `name` in an open directory: Node has no openat, but the kernel's /proc links do the same. */
export function inDirectory(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

/** What kind of file it is, for messages. */
export function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a regular file' : 'a device';
}

/** The directories above the last segment of a path, and that segment. */
export function splitLast(relativePath: string): { parents: string[]; name: string } {
  const segments = pathSegments(relativePath);
  return { parents: segments.slice(0, -1), name: segments.at(-1) ?? '' };
}

/** Splits a relative path into its segments, and refuses any path that is not plainly below its root. */
export function pathSegments(relativePath: string): string[] {
  const segments = relativePath.split('/');
  if (relativePath.includes('\0')) throw invalid(relativePath, 'contains a NUL character');
  if (segments[0] === '') throw invalid(relativePath, relativePath === '' ? 'is empty' : 'is absolute');
  for (const segment of segments) {
    if (segment === '') throw invalid(relativePath, 'has an empty segment');
    if (segment === '.' || segment === '..') throw invalid(relativePath, `contains "${segment}"`);
    if (Buffer.byteLength(segment) > 255) throw invalid(relativePath, 'has a segment of more than 255 bytes');
  }
  return segments;
}

function invalid(relativePath: string, why: string): ConfinedPathError {
  return new ConfinedPathError('invalid', `The path ${JSON.stringify(relativePath)} ${why}`);
}
