import { isUtf8 } from 'node:buffer';
import { constants, type FileHandle, open, opendir, readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { inodeOf, ownNamePrefix } from './confined-change.ts';
import {
  ConfinedPathError,
  inDirectory,
  kindOf,
  openDirectory,
  openPlace,
  pathSegments,
} from './confined.ts';

/** A regular file that is open for reading; the consumer closes the handle. */
export type WalkedFile = {
  readonly kind: 'file';
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  readonly inode: string;
};

/** Paths are below the directory of the walk; `why` reads like "is a named pipe, not a regular file". */
export type WalkEntry =
  | WalkedFile
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'refused';
      readonly path: string;
      readonly problem: 'unsafe' | 'name' | 'link';
      readonly why: string;
    };

/**
 * Links are refused, skipped (`problem: 'link'`), or followed inside of a root in which `base` is the walked
 * directory. Links to directories are then skipped, as girder_client does, so that no walk runs in circles.
 */
export type LinkHandling = 'Fail' | 'Skip' | (LinkRoot & { readonly base: string });

/** `maxDepth` 1 is the directory without its subdirectories; `ignore` skips a path and all below it. */
export type WalkLimits = {
  readonly maxDepth: number;
  readonly maxEntries: number;
  readonly isFlat?: boolean;
  readonly ignore?: ((path: string) => boolean) | undefined;
  readonly links?: LinkHandling | undefined;
};

/** The longest path that Linux accepts from a program. */
const maxPathBytes = 4095;
/** The most bytes of names in memory at once: those of one directory at each depth. */
const maxNameBytes = 16 * 1024 * 1024;

/**
 * Walks a directory that a hostile program may have created and may still change. Each step starts from an
 * open directory, so the walk never leaves it. A directory comes before its entries, and names in the order
 * of their bytes; the caller keeps the handle.
 * @throws ConfinedPathError when a limit is exceeded, or an entry disappears
 */
export function walkTree(
  directory: FileHandle,
  limits: WalkLimits,
): AsyncGenerator<WalkEntry, void, undefined> {
  return new Walk(limits).directory(directory, []);
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
      if (Buffer.byteLength(path) > maxPathBytes)
        throw new ConfinedPathError('unsafe', `${where} contains a path of more than ${maxPathBytes} bytes`);
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
    } else if (stats.isSymbolicLink()) {
      yield await this.#link(place, path);
    } else {
      yield { kind: 'refused', path, problem: 'unsafe', why: `is ${kindOf(stats)}, not a regular file` };
    }
  }

  async #link(link: FileHandle, path: string): Promise<WalkEntry> {
    const { links = 'Fail' } = this.#limits;
    const why = 'is a symbolic link, not a regular file';
    if (links === 'Fail') return { kind: 'refused', path, problem: 'unsafe', why };
    if (links === 'Skip') return { kind: 'refused', path, problem: 'link', why: 'is a symbolic link' };
    try {
      await using place = await followLinks(links, posix.join(links.base, path));
      const stats = await place.stat();
      if (stats.isDirectory())
        return { kind: 'refused', path, problem: 'link', why: 'is a symbolic link to a directory' };
      if (!stats.isFile()) throw new ConfinedPathError('unsafe', `it leads to ${kindOf(stats)}`);
      // The inode is the link's, so that only the link is deleted after its upload.
      return { ...(await openWalked(place, path)), inode: inodeOf(await link.stat({ bigint: true })) };
    } catch (error) {
      if (!(error instanceof ConfinedPathError)) throw error;
      const because = `is a symbolic link that cannot be followed: ${error.message}`;
      return { kind: 'refused', path, problem: 'unsafe', why: because };
    }
  }

  async #names(directory: FileHandle, where: string): Promise<DirectoryNames> {
    const { maxEntries } = this.#limits;
    const limits = { entries: maxEntries - this.#entries, bytes: maxNameBytes - this.#heldBytes };
    const names = await DirectoryNames.read(directory, limits);
    if (names === 'entries')
      throw new ConfinedPathError('unsafe', `with ${where} there are more than ${maxEntries} entries`);
    if (names === 'bytes')
      throw new ConfinedPathError('unsafe', `with ${where} the names have more than ${maxNameBytes} bytes`);
    this.#entries += names.count;
    this.#heldBytes += names.bytes;
    return names;
  }
}

/** Opens the regular file that a place marks for reading, even when it is renamed meanwhile. */
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

/** A root whose links may be followed; `seenAs` is its path in the target, with which absolute links begin. */
export type LinkRoot = { readonly root: string; readonly seenAs: string };

/** As in Linux: the most links in one path, and with them the most directories at once and names in all. */
const linkBounds = { links: 40, depth: 100, names: 1000 } as const;

/**
 * Marks what a path leads to when the links in it are followed. Each step starts from an open directory of
 * the root, so neither `..`, an absolute link nor a change meanwhile leads out of it. Files of the worker are
 * not reached: a shared directory also holds the temporary volumes of other runs.
 * @throws ConfinedPathError when it leads out of the root, to nothing, or never ends
 */
export async function followLinks({ root, seenAs }: LinkRoot, relativePath: string): Promise<FileHandle> {
  const way = [await openDirectory(root, [])];
  const names = pathSegments(relativePath).toReversed();
  const left: Record<'links' | 'names', number> = { ...linkBounds };
  const spend = (what: 'links' | 'names') => {
    left[what] -= 1;
    if (left[what] < 0 || way.length > linkBounds.depth)
      throw new ConfinedPathError('unsafe', `${relativePath} leads through too many links or directories`);
  };
  try {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      spend('names');
      const target = await followName(way, name);
      if (target === undefined) continue;
      spend('links');
      const inside = insideOf(seenAs, target);
      if (target.startsWith('/')) await closeAll(way.splice(1));
      names.push(...inside.split('/').toReversed());
    }
    return way.pop() ?? (await openDirectory(root, []));
  } finally {
    await closeAll(way);
  }
}

/** Takes one step; returns the target if the name is a link, which is then not part of the way. */
async function followName(way: FileHandle[], name: string): Promise<string | undefined> {
  if (name === '..') {
    if (way.length === 1) throw leadsOut(name);
    await way.pop()?.close();
  }
  const directory = way.at(-1);
  if (directory === undefined || ['', '.', '..'].includes(name)) return undefined;
  if (name.startsWith(ownNamePrefix)) throw new ConfinedPathError('unsafe', `${name} belongs to DockerRun`);
  const isDirectory = (await directory.stat()).isDirectory();
  if (!isDirectory) throw new ConfinedPathError('unsafe', `${name} is not in a directory`);
  const place = await openPlace(directory, name, name);
  way.push(place);
  if (!(await place.stat()).isSymbolicLink()) return undefined;
  await way.pop()?.close();
  return targetOf(directory, name);
}

async function targetOf(directory: FileHandle, name: string): Promise<string> {
  const target = await readlink(inDirectory(directory, name), { encoding: 'buffer' }).catch(() => undefined);
  if (target === undefined) throw new ConfinedPathError('unsafe', `${name} was replaced meanwhile`);
  if (!isUtf8(target)) throw new ConfinedPathError('unsafe', `${name} leads to a name that is not UTF-8`);
  return target.toString();
}

/** A relative target as it is; of an absolute one the part below the root. */
function insideOf(seenAs: string, target: string): string {
  if (!target.startsWith('/')) return target;
  const root = seenAs.endsWith('/') ? seenAs : `${seenAs}/`;
  if (!`${target}/`.startsWith(root)) throw leadsOut(target);
  return target.slice(root.length);
}

function leadsOut(target: string): ConfinedPathError {
  return new ConfinedPathError('unsafe', `${target} leads out of the volume`);
}

async function closeAll(handles: readonly FileHandle[]): Promise<void> {
  for (const handle of handles) await handle.close();
}

/** A name in a directory; the bytes of one that is not UTF-8 are written as `\xff`. */
type WalkedName = { readonly name: string; readonly isText: boolean };

type NameLimits = { readonly entries: number; readonly bytes: number };

/** The names of a directory in the order of their bytes, held in as little memory as possible. */
class DirectoryNames {
  // In latin1 every character is one byte, so names that are not UTF-8 survive, and sort like bytes.
  readonly #raw: readonly string[];
  readonly bytes: number;

  private constructor(raw: string[], bytes: number) {
    this.#raw = raw.sort(byCodeUnits);
    this.bytes = bytes;
  }

  /** Reads an open directory; as soon as a limit is exceeded, returns the name of that limit instead. */
  static async read(directory: FileHandle, limits: NameLimits): Promise<DirectoryNames | keyof NameLimits> {
    const names: string[] = [];
    let bytes = 0;
    for await (const { name } of await opendir(`/proc/self/fd/${directory.fd}`, {
      encoding: 'latin1',
      bufferSize: 512,
    })) {
      bytes += name.length;
      if (names.length >= limits.entries) return 'entries';
      if (bytes > limits.bytes) return 'bytes';
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
