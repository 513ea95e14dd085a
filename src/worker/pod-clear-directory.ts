import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { type FileHandle, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { ConfinedPathError } from '../io/confined-path.ts';
import { inDirectory, openDirectory } from '../io/confined.ts';
import { errorCode } from '../support/errors.ts';

/** Entries that are removed at once: all that is held of a directory, whatever its size. */
const batchSize = 64;

/**
 * Removes the directory `name` in `root` with all that is in it; what is not there is no error. No link is followed,
 * directories are moved up before they are emptied, and entries are removed as they are read, so that neither depth
 * nor number nor the length of a path is a limit: what is in there is a target's, and targets are hostile.
 * @throws the first failure, when all else is removed
 */
export async function removeDirectory(root: string, name: string, signal?: AbortSignal): Promise<void> {
  try {
    await using top = await openDirectory(root, [name]);
    await new Clearance(top, signal).run();
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return;
    throw error;
  }
  await using parent = await openDirectory(root, []);
  await rmdir(inDirectory(parent, name));
}

/** The emptying of a directory: scans of it, until one finds nothing that can be removed. */
class Clearance {
  readonly #top: FileHandle;
  readonly #signal: AbortSignal | undefined;
  #changes = 0;
  #failure: unknown;

  constructor(top: FileHandle, signal: AbortSignal | undefined) {
    this.#top = top;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    // What comes and goes during a scan may be in it or not, so only a scan without changes has seen everything.
    do {
      this.#changes = 0;
      this.#failure = undefined;
      await this.#scan(this.#top, (name) => this.#clearChild(name));
    } while (this.#changes > 0);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Deletes what is no directory, and gives the directories to `onDirectory`. */
  async #scan(directory: FileHandle, onDirectory: (name: Buffer) => Promise<void>): Promise<void> {
    for await (const batch of batches(directory)) {
      this.#signal?.throwIfAborted();
      await Promise.all(
        batch.map((entry) => {
          const name = Buffer.from(entry.name, 'latin1');
          return entry.isDirectory()
            ? onDirectory(name)
            : this.#change(() => unlink(inDirectoryBytes(directory, name)));
        }),
      );
    }
  }

  /** Empties a directory in the top one, moves the directories in it beside it, and removes it. */
  async #clearChild(name: Buffer): Promise<void> {
    // Whoever named it, a name of ours is one that a string can hold.
    const own = randomUUID();
    if (!(await this.#change(() => rename(inDirectoryBytes(this.#top, name), inDirectory(this.#top, own)))))
      return;
    await this.#attempt(async () => {
      await using directory = await openDirectory(inDirectory(this.#top, '.'), [own]);
      await this.#scan(directory, async (child) => {
        const to = inDirectory(this.#top, randomUUID());
        await this.#change(() => rename(inDirectoryBytes(directory, child), to));
      });
    });
    await this.#change(() => rmdir(inDirectory(this.#top, own)));
  }
}
