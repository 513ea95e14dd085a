import { posix } from 'node:path';
import { RunError } from '../../support/errors.ts';
import { TaskGroup, TaskLimit } from '../../support/task-group.ts';
import type { GirderClient } from '../client.ts';
import type { FolderCounts, GirderFile, NamedDocument } from '../documents.ts';
import { type BatchedItem, ItemBatch, requestArchive } from './archive.ts';
import {
  type CreatedPaths,
  ensureDirectory,
  placeFile,
  placeSmallFiles,
  type SmallFile,
} from './created-paths.ts';
import { TotalProgress, type TransferOptions } from '../tree-transfer.ts';
import { countsOf, filesOf, itemsOf, type PageOptions, subfolders } from '../lookup.ts';
import { UniqueNames } from '../file-names.ts';

/**
 * `concurrency` limits the files, and the items, that are read at once; `pageSize` the entries in one
 * response; `maxEntries` folders, items and files in total.
 */
export type TreeLimits = {
  readonly concurrency?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly maxDepth?: number | undefined;
  readonly maxEntries?: number | undefined;
};

/** `size` is in bytes. */
export type TreeTotals = { readonly size: number; readonly files: number };

export type TreeListeners = TransferOptions & {
  /** Called for each file of an item or folder when it is complete. */
  readonly onFile?: (() => void) | undefined;
};

type TreePlace = { readonly into: string; readonly made: CreatedPaths };

const defaults = { maxDepth: 100, maxEntries: 200_000 };
/** After so many archives without a usable entry no more are requested. */
const maxUselessArchives = 3;
/** The longest path that a program can pass to Linux. */
const maxPathBytes = 4095;

const noBytes = Buffer.alloc(0);

type ReportedFile = SmallFile & { readonly report: TransferOptions['onProgress'] };

/** The download of many files, which starts while they are still being listed. */
export class TreeDownload {
  readonly #client: GirderClient;
  readonly #place: TreePlace;
  readonly #limits: TreeLimits;
  readonly #group: TaskGroup;
  readonly #items: TaskLimit;
  readonly #files: TaskLimit;
  readonly #progress: TotalProgress;
  readonly #onFile: TreeListeners['onFile'];
  #uselessArchives = 0;
  #entries = 0;
  #count = 0;
  #size = 0;

  constructor(client: GirderClient, place: TreePlace, options: TreeListeners & TreeLimits) {
    this.#client = client;
    this.#place = place;
    this.#limits = options;
    this.#group = new TaskGroup(options.signal);
    const concurrency = options.concurrency ?? (() => client.pace.limit);
    this.#items = new TaskLimit(this.#group, concurrency);
    this.#files = new TaskLimit(this.#group, concurrency);
    this.#progress = new TotalProgress(options.onProgress);
    this.#onFile = options.onFile;
  }

  /**
   * Downloads an item: as a file if it has exactly one, with the item's name, else as a directory. `listed` is all of
   * its files, if the caller has just listed them.
   */
  async item(
    item: NamedDocument,
    segments: readonly string[],
    listed?: readonly GirderFile[],
  ): Promise<TreeTotals> {
    return this.#run(() => this.#startItem(item, segments, listed));
  }

  /** Downloads a folder as a directory, with everything in it that the user may read. */
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
    this.#countEntry(segments);
    const counts = await this.#checkCounts(folderId, segments);
    await ensureDirectory(this.#place.into, segments, this.#place.made);
    const names = new UniqueNames();
    for await (const folders of subfolders(this.#client, folderId, {
      ...this.#paging,
      expected: counts.folders,
    })) {
      for (const { _id, name } of folders)
        await this.#listFolder(_id, [...segments, names.claim(name)], depth + 1);
    }
    const batch = new ItemBatch();
    for await (const items of itemsOf(this.#client, folderId, { ...this.#paging, expected: counts.items })) {
      for (const item of items) {
        const name = names.claim(item.name);
        if (!batch.hasRoomFor(item)) await this.#startBatch(batch.take(), segments);
        if (batch.accepts(item)) batch.add({ item, name });
        else await this.#startItem(item, [...segments, name]);
      }
    }
    await this.#startBatch(batch.take(), segments);
  }

  /** Small files are requested together: a request costs Girder much more than a file. */
  async #startBatch(batch: readonly BatchedItem[], segments: readonly string[]): Promise<void> {
    if (batch.length < 2 || this.#uselessArchives >= maxUselessArchives) {
      for (const { item, name } of batch) await this.#startItem(item, [...segments, name]);
      return;
    }
    for (const { name } of batch) this.#countEntry([...segments, name]);
    await this.#items.start(() => this.#downloadBatch(batch, segments));
  }

  async #downloadBatch(batch: readonly BatchedItem[], segments: readonly string[]): Promise<void> {
    const { signal } = this.#group;
    const contents = await requestArchive(this.#client, batch, signal);
    if (contents.size === 0) this.#uselessArchives += 1;
    const files: ReportedFile[] = [];
    for (const { item, name } of batch) {
      const bytes = contents.get(item._id);
      if (bytes === undefined) await this.#listItem(item, [...segments, name]);
      else files.push({ name, bytes, report: this.#progress.file(bytes.length) });
    }
    await this.#placeFiles(files, segments);
    if (files.length > 0) this.#client.pace.succeeded();
  }

  /** Of one directory, which exists. */
  async #placeFiles(files: readonly ReportedFile[], segments: readonly string[]): Promise<void> {
    const onPlaced = ({ bytes, report }: ReportedFile) => {
      this.#completed(bytes.length);
      report?.(bytes.length, bytes.length);
    };
    await placeSmallFiles({ ...this.#place, segments }, files, { signal: this.#group.signal, onPlaced });
  }

  /** A folder that is too large is refused before anything in it is downloaded, not after 200,000 files. */
  async #checkCounts(folderId: string, segments: readonly string[]): Promise<FolderCounts> {
    const { maxEntries = defaults.maxEntries } = this.#limits;
    const counts = await countsOf(this.#client, folderId, this.#group.signal);
    const { items, folders } = counts;
    if (this.#entries + items + folders <= maxEntries) return counts;
    throw tooMuch(
      segments,
      `with its ${items} items and ${folders} folders there are more than ${maxEntries} entries`,
    );
  }

  async #startItem(
    item: NamedDocument,
    segments: readonly string[],
    listed?: readonly GirderFile[],
  ): Promise<void> {
    this.#countEntry(segments);
    await this.#items.start(() => this.#listItem(item, segments, listed));
  }

  async #listItem(
    item: NamedDocument,
    segments: readonly string[],
    listed?: readonly GirderFile[],
  ): Promise<void> {
    const names = new UniqueNames();
    let seen = 0;
    const lists = listed === undefined ? filesOf(this.#client, item._id, this.#paging) : [listed];
    for await (const files of lists) {
      const [first] = files;
      // A page has room for two files, so this is the only one.
      if (seen === 0 && files.length === 1 && first?.name === item.name)
        return this.#startFile(first, segments);
      if (seen === 0) await ensureDirectory(this.#place.into, segments, this.#place.made);
      await this.#startFiles(files, { segments, names });
      seen += files.length;
    }
    if (seen === 0) await ensureDirectory(this.#place.into, segments, this.#place.made);
  }

  /** Files of size 0 need no request, and are created together. */
  async #startFiles(
    files: readonly GirderFile[],
    { segments, names }: { readonly segments: readonly string[]; readonly names: UniqueNames },
  ): Promise<void> {
    const empty: ReportedFile[] = [];
    for (const file of files) {
      const name = names.claim(file.name);
      const inside = [...segments, name];
      this.#countEntry(inside);
      if (file.size === 0) empty.push({ name, bytes: noBytes, report: this.#progress.file(0) });
      else await this.#startFile(file, inside);
    }
    if (empty.length > 0) await this.#files.start(() => this.#placeFiles(empty, segments));
  }

  async #startFile(file: GirderFile, segments: readonly string[]): Promise<void> {
    const options = { signal: this.#group.signal, onProgress: this.#progress.file(file.size) };
    const place = { ...this.#place, relativePath: segments.join('/') };
    await this.#files.start(async () => {
      this.#completed(await placeFile(this.#client, file, place, options));
      this.#client.pace.succeeded();
    });
  }

  #completed(size: number): void {
    this.#size += size;
    this.#count += 1;
    this.#onFile?.();
  }

  #countEntry(segments: readonly string[]): void {
    const { maxEntries = defaults.maxEntries } = this.#limits;
    this.#entries += 1;
    if (this.#entries > maxEntries) throw tooMuch(segments, `there are more than ${maxEntries} entries`);
    if (Buffer.byteLength(posix.join(this.#place.into, ...segments)) > maxPathBytes)
      throw tooMuch(segments, `its path has more than ${maxPathBytes} bytes`);
  }

  get #paging(): PageOptions {
    return { signal: this.#group.signal, pageSize: this.#limits.pageSize };
  }
}

function tooMuch(segments: readonly string[], why: string): RunError {
  return new RunError('DownloadFailed', `cannot download ${segments.join('/')}: ${why}`);
}
