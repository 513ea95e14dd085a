import { randomUUID } from 'node:crypto';
import { type FileHandle, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from '../support/errors.ts';
import { ConfinedPathError, inDirectory, openDirectory, splitLast } from './confined.ts';

/**
 * Removes the directory at a path below `root` with all that is in it; a missing one is not an error.
 * @throws the first error of an entry that cannot be removed, after everything else was removed
 */
export async function removeDirectory(root: string, path: string, signal?: AbortSignal): Promise<void> {
  const { parents, name } = splitLast(path);
  const top = await openIfThere(root, [...parents, name]);
  if (top === undefined) return;
  try {
    await new Emptying(top, signal).run();
  } finally {
    await top.close();
  }
  await using parent = await openDirectory(root, parents);
  await rmdir(inDirectory(parent, name));
}

/**
 * Removes all that is in a directory. Its content belongs to a possibly hostile target, so no link is
 * followed, directories are moved up before they are emptied, and entries are removed as they are read:
 * depth, number of entries and length of a path are unlimited.
 * @throws the first error of an entry that cannot be removed, after everything else was removed
 */
export async function emptyDirectory(path: string, signal?: AbortSignal): Promise<void> {
  await using top = await openDirectory(path, []);
  await new Emptying(top, signal).run();
}

async function openIfThere(root: string, segments: readonly string[]): Promise<FileHandle | undefined> {
  try {
    return await openDirectory(root, segments);
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return undefined;
    throw error;
  }
}

/** Empties one directory by scans of it, until a scan finds no entry that can be removed. */
class Emptying {
  readonly #top: FileHandle;
  readonly #signal: AbortSignal | undefined;
  #changes = 0;
  #failures: unknown[] = [];

  constructor(top: FileHandle, signal: AbortSignal | undefined) {
    this.#top = top;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    // A scan may miss entries that change while it runs: only a scan without changes has seen everything.
    do {
      [this.#changes, this.#failures] = [0, []];
      await this.#scan(this.#top, (name) => this.#removeChild(name));
    } while (this.#changes > 0);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** Deletes what is not a directory, and passes the names of directories to `onDirectory`. */
  async #scan(directory: FileHandle, onDirectory: (name: Buffer) => Promise<void>): Promise<void> {
    for await (const batch of entryBatches(directory)) {
      this.#signal?.throwIfAborted();
      const removals = batch.map(async ({ name, isDirectory }) => {
        if (isDirectory) await onDirectory(name);
        else await this.#change(() => unlink(bytesInDirectory(directory, name)));
      });
      await Promise.all(removals);
    }
  }

  /** Moves the subdirectories of one directory up beside it, deletes its other entries, and then itself. */
  async #removeChild(name: Buffer): Promise<void> {
    // Unlike the target's name, which may have any bytes, our own can be opened.
    const own = randomUUID();
    await this.#attempt(async () => {
      await rename(bytesInDirectory(this.#top, name), inDirectory(this.#top, own));
      await using directory = await openDirectory(inDirectory(this.#top, '.'), [own]);
      await this.#scan(directory, (inner) => {
        const to = inDirectory(this.#top, randomUUID());
        return this.#change(() => rename(bytesInDirectory(directory, inner), to));
      });
    });
    await this.#change(() => rmdir(inDirectory(this.#top, own)));
  }

  async #change(change: () => Promise<void>): Promise<void> {
    await this.#attempt(async () => {
      await change();
      this.#changes += 1;
    });
  }

  /** Keeps only the first failure: there can be as many as entries. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && this.#failures.length === 0) this.#failures.push(error);
    }
  }
}

/** Like inDirectory, for names that are not UTF-8 and would not survive a string. */
function bytesInDirectory(directory: FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(inDirectory(directory, '')), name]);
}

type Entry = { readonly name: Buffer; readonly isDirectory: boolean };

/** How many entries of a directory are in memory at once, whatever its size. */
const batchSize = 64;

/** Reads a directory in batches; the consumer may remove the entries of one before it asks for the next. */
async function* entryBatches(directory: FileHandle): AsyncGenerator<Entry[], void, undefined> {
  let batch: Entry[] = [];
  const entries = await opendir(inDirectory(directory, ''), { encoding: 'latin1', bufferSize: batchSize });
  for await (const entry of entries) {
    batch.push({ name: Buffer.from(entry.name, 'latin1'), isDirectory: entry.isDirectory() });
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
