import { posix } from 'node:path';
import { RunError } from '../../support/errors.ts';
import { TaskGroup, TaskLimit } from '../../support/task-group.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile, NamedDocument } from '../documents.ts';
import { type CreatedPaths, ensureDirectory, placeFile } from './created-paths.ts';
import { TotalProgress, type TransferOptions } from '../tree-transfer.ts';
import { filesOf, itemsOf, type PageOptions, subfolders } from '../lookup.ts';
import { UniqueNames } from '../file-names.ts';

/**
 * Limits of a download: files (and items looked into) at once, entries in one answer, folders below each other, and
 * folders, items and files altogether.
 */
export type TreeLimits = {
  readonly concurrency?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly maxDepth?: number | undefined;
  readonly maxEntries?: number | undefined;
};

/** What came of it: the bytes and the number of the files. */
export type TreeTotals = { readonly size: number; readonly files: number };

type TreePlace = { readonly into: string; readonly made: CreatedPaths };

const defaults = { concurrency: 4, maxDepth: 100, maxEntries: 200_000 };
/** Linux takes no longer path from a program. */
const longestPath = 4095;

/** One download of any number of files, which begins while they are still being listed. */
export class TreeDownload {
  readonly #client: GirderClient;
  readonly #place: TreePlace;
  readonly #limits: TreeLimits;
  readonly #group: TaskGroup;
  readonly #items: TaskLimit;
  readonly #files: TaskLimit;
  readonly #progress: TotalProgress;
  #entries = 0;
  #count = 0;
  #size = 0;

  constructor(client: GirderClient, place: TreePlace, options: TransferOptions & TreeLimits) {
    this.#client = client;
    this.#place = place;
    this.#limits = options;
    this.#group = new TaskGroup(options.signal);
    const concurrency = options.concurrency ?? defaults.concurrency;
    this.#items = new TaskLimit(this.#group, concurrency);
    this.#files = new TaskLimit(this.#group, concurrency);
    this.#progress = new TotalProgress(options.onProgress);
  }

  /** An item becomes a file, if it has exactly one and that has the item's name, or else a directory. */
  async item(item: NamedDocument, segments: readonly string[]): Promise<TreeTotals> {
    return this.#run(() => this.#startItem(item, segments));
  }

  /** A folder becomes a directory with everything in it that the user may read. */
  async folder(folderId: string, segments: readonly string[]): Promise<TreeTotals> {
    return this.#run(() => this.#listFolder(folderId, segments, 1));
  }

  async #run(list: () => Promise<void>): Promise<TreeTotals> {
    void this.#group.start(async () => {
      await list();
      await this.#items.idle();
      this.#progress.listed();
    });
    await this.#group.finish();
    return { size: this.#size, files: this.#count };
  }

  async #listFolder(folderId: string, segments: readonly string[], depth: number): Promise<void> {
    const { maxDepth = defaults.maxDepth } = this.#limits;
    if (depth > maxDepth) throw tooMuch(segments, `its folders are nested more than ${maxDepth} deep`);
    this.#enter(segments);
    await ensureDirectory(this.#place.into, segments, this.#place.made);
    const claims = new UniqueNames();
    for await (const folders of subfolders(this.#client, folderId, this.#paging)) {
      for (const { _id, name } of folders)
        await this.#listFolder(_id, [...segments, claims.claim(name)], depth + 1);
    }
    for await (const items of itemsOf(this.#client, folderId, this.#paging)) {
      for (const item of items) await this.#startItem(item, [...segments, claims.claim(item.name)]);
    }
  }

  async #startItem(item: NamedDocument, segments: readonly string[]): Promise<void> {
    this.#enter(segments);
    await this.#items.start(() => this.#listItem(item, segments));
  }

  async #listItem(item: NamedDocument, segments: readonly string[]): Promise<void> {
    const claims = new UniqueNames();
    let seen = 0;
    for await (const files of filesOf(this.#client, item._id, this.#paging)) {
      const [first] = files;
      // A page has room for two, so this is really the only one.
      if (seen === 0 && files.length === 1 && first?.name === item.name)
        return this.#startFile(first, segments);
      if (seen === 0) await ensureDirectory(this.#place.into, segments, this.#place.made);
      for (const file of files) await this.#startFile(file, [...segments, claims.claim(file.name)]);
      seen += files.length;
    }
    if (seen === 0) await ensureDirectory(this.#place.into, segments, this.#place.made);
  }

  async #startFile(file: GirderFile, segments: readonly string[]): Promise<void> {
    this.#enter(segments);
    const options = { signal: this.#group.signal, onProgress: this.#progress.file(file.size) };
    const place = { ...this.#place, relativePath: segments.join('/') };
    await this.#files.start(async () => {
      const size = await placeFile(this.#client, file, place, options);
      this.#size += size;
      this.#count += 1;
    });
  }

  #enter(segments: readonly string[]): void {
    const { maxEntries = defaults.maxEntries } = this.#limits;
    this.#entries += 1;
    if (this.#entries > maxEntries) throw tooMuch(segments, `there are more than ${maxEntries} entries`);
    if (Buffer.byteLength(posix.join(this.#place.into, ...segments)) > longestPath)
      throw tooMuch(segments, `its path has more than ${longestPath} bytes`);
  }

  get #paging(): PageOptions {
    return { signal: this.#group.signal, pageSize: this.#limits.pageSize };
  }
}

function tooMuch(segments: readonly string[], why: string): RunError {
  return new RunError('DownloadFailed', `${segments.join('/')} cannot be downloaded: ${why}`);
}
