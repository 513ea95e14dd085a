import { posix } from 'node:path';

/** The folders of the directories that a walk is in: all that it needs of those it has seen. */
export class FolderStack {
  readonly #folders: { path: string; id: string }[];

  constructor(rootId: string) {
    this.#folders = [{ path: '.', id: rootId }];
  }

  /** The folder for an entry of a walk; nothing when its directory has none. Leaves the directories behind it. */
  parentOf(path: string): string | undefined {
    const parent = posix.dirname(path);
    while (!isWithin(parent, this.#folders.at(-1)?.path ?? '.')) this.#folders.pop();
    const last = this.#folders.at(-1);
    return last?.path === parent ? last.id : undefined;
  }

  /** The walk enters a directory that has a folder. */
  push(path: string, id: string): void {
    this.#folders.push({ path, id });
  }
}

function isWithin(path: string, directory: string): boolean {
  return directory === '.' || path === directory || path.startsWith(`${directory}/`);
}
