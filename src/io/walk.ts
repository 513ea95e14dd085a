import { constants, type FileHandle, open } from 'node:fs/promises';
import { kindOf, openPlace } from './confined.ts';
import { ConfinedPathError } from './confined-path.ts';
import { inodeOf } from './made-path.ts';
import { DirectoryNames } from './walk-names.ts';

/** A regular file that is open for reading; the handle is the taker's to close. */
export type WalkedFile = {
  readonly kind: 'file';
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  readonly inode: string;
};

/** What a walk finds, its path below the directory of the walk; `why` reads like "is a named pipe, not …". */
export type WalkEntry =
  | WalkedFile
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'refused';
      readonly path: string;
      readonly problem: 'unsafe' | 'name';
      readonly why: string;
    };

/** `maxDepth` 1 is the directory itself, without those in it; `ignore` leaves out a path and all below it. */
export type WalkLimits = {
  readonly maxDepth: number;
  readonly maxEntries: number;
  readonly isFlat?: boolean;
  readonly ignore?: ((path: string) => boolean) | undefined;
};

/** Bytes; Linux takes no longer path from a program. */
const longestPath = 4095;
/** Bytes of the names that wait at once, those of one directory at each depth: they are held in memory. */
const mostNameBytes = 16 * 1024 * 1024;

/**
 * Walks a directory that somebody hostile may have made and may still be changing: each step goes from an open
 * directory to what really is in it, so nothing outside is ever reached. A directory comes before what is in it, names
 * in the order of their bytes. The handle stays the caller's.
 * @throws ConfinedPathError when there is too much, or something vanishes
 */
export function walkTree(
  directory: FileHandle,
  limits: WalkLimits,
): AsyncGenerator<WalkEntry, void, undefined> {
  return new Walk(limits).directory(directory, []);
}

/** Opens what a place marks for reading, if it is a regular file: the very thing, whoever renames meanwhile. */
export async function openWalked(place: FileHandle, path: string): Promise<WalkedFile> {
  const handle = await open(`/proc/self/fd/${place.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat({ bigint: true });
    return { kind: 'file', path, handle, size: Number(stats.size), inode: inodeOf(stats) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class Walk {
  readonly #limits: WalkLimits;
  #entries = 0;
  #heldBytes = 0;

  constructor(limits: WalkLimits) {
    this.#limits = limits;
  }

  async *directory(
    directory: FileHandle,
    parents: readonly string[],
  ): AsyncGenerator<WalkEntry, void, undefined> {
    const { maxDepth, ignore } = this.#limits;
    const where = parents.join('/') || 'the directory';
    if (parents.length >= maxDepth)
      throw new ConfinedPathError('unsafe', `${where} is nested ${maxDepth} directories deep`);
    const names = await this.#names(directory, where);
    for (const { name, isText } of names) {
      const path = [...parents, name].join('/');
      if (ignore?.(path) === true) continue;
      if (Buffer.byteLength(path) > longestPath)
        throw new ConfinedPathError('unsafe', `${where} has a path of more than ${longestPath} bytes in it`);
      if (isText) yield* this.#entry(directory, parents, name);
      else yield { kind: 'refused', path, problem: 'name', why: 'has a name that is not UTF-8' };
    }
    this.#heldBytes -= names.bytes;
  }

  async *#entry(
    directory: FileHandle,
    parents: readonly string[],
    name: string,
  ): AsyncGenerator<WalkEntry, void, undefined> {
    const segments = [...parents, name];
    const path = segments.join('/');
    await using place = await openPlace(directory, name, path);
    const stats = await place.stat();
    if (stats.isFile()) {
      yield await openWalked(place, path);
    } else if (stats.isDirectory()) {
      yield { kind: 'directory', path };
      if (this.#limits.isFlat !== true) yield* this.directory(place, segments);
    } else {
      yield { kind: 'refused', path, problem: 'unsafe', why: `is ${kindOf(stats)}, not a regular file` };
    }
  }

  async #names(directory: FileHandle, where: string): Promise<DirectoryNames> {
    const { maxEntries } = this.#limits;
    const room = { entries: maxEntries - this.#entries, bytes: mostNameBytes - this.#heldBytes };
    const names = await DirectoryNames.read(directory, room);
    if (names === 'entries')
      throw new ConfinedPathError('unsafe', `${where} brings the entries to more than ${maxEntries}`);
    if (names === 'bytes')
      throw new ConfinedPathError('unsafe', `${where} brings the names to more than ${mostNameBytes} bytes`);
    this.#entries += names.count;
    this.#heldBytes += names.bytes;
    return names;
  }
}
