import { randomUUID } from 'node:crypto';
import { type FileHandle, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from '../support/errors.ts';
import { ConfinedPathError, inDirectory, openDirectory } from './confined.ts';

/**
 * Removes the directory `name` in `root` with all that is in it; what is not there is no error. No link is followed,
 * directories are moved up before they are emptied, and entries are removed as they are read, so that neither depth
 * nor number nor the length of a path is a limit: what is in there is a target's, and targets are hostile.
 * @throws why something cannot be removed, after all else was
 */
export async function removeDirectory(root: string, name: string, signal?: AbortSignal): Promise<void> {
  const top = await openIfThere(root, name);
  if (top === undefined) return;
  try {
    await new Clearance(top, signal).run();
  } finally {
    await top.close();
  }
  await using parent = await openDirectory(root, []);
  await rmdir(inDirectory(parent, name));
}

async function openIfThere(root: string, name: string): Promise<FileHandle | undefined> {
  try {
    return await openDirectory(root, [name]);
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return undefined;
    throw error;
  }
}

/** The emptying of one directory by scans of it, until one finds nothing that can be removed. */
class Clearance {
  readonly #top: FileHandle;
  readonly #signal: AbortSignal | undefined;
  #changes = 0;
  #failures: unknown[] = [];

  constructor(top: FileHandle, signal: AbortSignal | undefined) {
    this.#top = top;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    // What comes and goes during a scan may be in it or not: only one without changes has seen everything.
    do {
      [this.#changes, this.#failures] = [0, []];
      await this.#scan(this.#top, (name) => this.#clearChild(name));
    } while (this.#changes > 0);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** Deletes what is no directory, and gives the names of directories to `onDirectory`. */
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

  /** Moves the directories in one of the top directory beside it, deletes what else is in it, and then itself. */
  async #clearChild(name: Buffer): Promise<void> {
    // A name of ours can be opened, whatever bytes the target's had.
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

/** Like inDirectory, for names that are no UTF-8 and would not survive a string. */
function bytesInDirectory(directory: FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(inDirectory(directory, '')), name]);
}

/** An entry of a directory, its name in bytes. */
type Entry = { readonly name: Buffer; readonly isDirectory: boolean };

/** All that is held of a directory at once, whatever its size. */
const batchSize = 64;

/** Reads a directory some entries at a time; these may be removed before the next are asked for. */
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
