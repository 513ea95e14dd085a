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
