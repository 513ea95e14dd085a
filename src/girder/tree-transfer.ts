import { hash } from 'node:crypto';
import { posix } from 'node:path';

export type TransferOptions = {
  readonly signal: AbortSignal;
  readonly bufferBytes?: number | undefined;
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
};

/** The progress of many files in total; the total size is undefined until all files are listed. */
export class TotalProgress {
  readonly #onProgress: TransferOptions['onProgress'];
  #bytes = 0;
  #total = 0;
  #isListed = false;

  constructor(onProgress: TransferOptions['onProgress']) {
    this.#onProgress = onProgress;
  }

  /** Returns the `onProgress` for one more file. */
  file(size: number | undefined): (bytes: number, total: number | undefined) => void {
    let [bytes, total] = [0, size ?? 0];
    this.#total += total;
    return (now, of = Math.max(now, total)) => {
      this.#bytes += now - bytes;
      this.#total += of - total;
      [bytes, total] = [now, of];
      this.#report();
    };
  }

  /** Call when no more files follow. */
  listed(): void {
    this.#isListed = true;
    this.#report();
  }

  #report(): void {
    this.#onProgress?.(this.#bytes, this.#isListed ? this.#total : undefined);
  }
}

/** The folders of the directories that a depth-first walk is in; it keeps no others. */
export class FolderStack {
  readonly #folders: { path: string; id: string }[];

  constructor(rootId: string) {
    this.#folders = [{ path: '.', id: rootId }];
  }

  /**
   * The folder of the directory that `path` is in, or undefined. Forgets the directories that the walk has
   * left.
   */
  parentOf(path: string): string | undefined {
    const parent = posix.dirname(path);
    while (!isWithin(parent, this.#folders.at(-1)?.path ?? '.')) this.#folders.pop();
    const last = this.#folders.at(-1);
    return last?.path === parent ? last.id : undefined;
  }

  /** Call when the walk enters a directory that has a folder. */
  push(path: string, id: string): void {
    this.#folders.push({ path, id });
  }
}

function isWithin(path: string, directory: string): boolean {
  return directory === '.' || path === directory || path.startsWith(`${directory}/`);
}

/** Girder's web server has 10 threads by default; its users need some of them. */
const paceLimits = { first: 4, most: 8, forgiveMs: 1_000 };

/**
 * How many transfers of small files run at once: one more after each round without a failure, half as many
 * after a failure that means overload.
 */
export class Pace {
  #limit = paceLimits.first;
  #slowedAt = -Infinity;

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Call after each transfer. */
  succeeded(): void {
    this.#limit = Math.min(paceLimits.most, this.#limit + 1 / this.#limit);
  }

  /** Call after each failure of the server; those of one moment count once, because they have one cause. */
  slowDown(now: number = performance.now()): void {
    if (now - this.#slowedAt < paceLimits.forgiveMs) return;
    this.#slowedAt = now;
    this.#limit = Math.max(1, this.#limit / 2);
  }
}

/**
 * A set of names that holds 52 bits of a hash of each, because 200,000 names of 255 bytes do not fit into a
 * worker's memory. It may confuse two names, so that `has` is true for one that was never added.
 */
export class NameSet {
  readonly #hashes = new Set<number>();

  get size(): number {
    return this.#hashes.size;
  }

  has(name: string): boolean {
    return this.#hashes.has(nameHash(name));
  }

  add(name: string): void {
    this.#hashes.add(nameHash(name));
  }
}

/** 52 bits; nobody can choose names whose hashes collide. */
export function nameHash(name: string): number {
  const digest = hash('sha256', name, 'buffer');
  return digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12);
}
