import { isUtf8 } from 'node:buffer';
import { constants, type FileHandle, open, opendir } from 'node:fs/promises';
import { inodeOf } from './confined-change.ts';
import { ConfinedPathError, kindOf, openPlace } from './confined.ts';

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

/** A name in a directory; one that is no UTF-8 is written with its strange bytes as `\xff`. */
type WalkedName = { readonly name: string; readonly isText: boolean };

/** How many names, and how many bytes of names, there is room for. */
type NameRoom = { readonly entries: number; readonly bytes: number };

/** The names of a directory, in the order of their bytes; they are held in the least memory that this takes. */
class DirectoryNames {
  // In latin1 every character is one byte, so names that are not UTF-8 survive, and sort like bytes.
  readonly #raw: readonly string[];
  readonly bytes: number;

  private constructor(raw: string[], bytes: number) {
    this.#raw = raw.sort(byCodeUnits);
    this.bytes = bytes;
  }

  /** Reads an open directory; says what there is no room for instead, as soon as that is seen. */
  static async read(directory: FileHandle, room: NameRoom): Promise<DirectoryNames | keyof NameRoom> {
    const names: string[] = [];
    let bytes = 0;
    for await (const { name } of await opendir(`/proc/self/fd/${directory.fd}`, {
      encoding: 'latin1',
      bufferSize: 512,
    })) {
      bytes += name.length;
      if (names.length >= room.entries) return 'entries';
      if (bytes > room.bytes) return 'bytes';
      names.push(name);
    }
    return new DirectoryNames(names, bytes);
  }

  get count(): number {
    return this.#raw.length;
  }

  *[Symbol.iterator](): Generator<WalkedName, void, undefined> {
    for (const raw of this.#raw) yield toName(raw);
  }
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function toName(raw: string): WalkedName {
  const bytes = Buffer.from(raw, 'latin1');
  if (isUtf8(bytes)) return { name: bytes.toString(), isText: true };
  const name = raw.replace(
    /[^ -~]/g,
    (strange) => `\\x${strange.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return { name, isText: false };
}
