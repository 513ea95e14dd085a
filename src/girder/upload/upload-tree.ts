import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import type { CreatedPath } from '../../io/confined-change.ts';
import {
  type LinkHandling,
  type WalkedFile,
  type WalkEntry,
  type WalkLimits,
  walkTree,
} from '../../io/walk.ts';
import { TaskGroup, TaskLimit } from '../../support/task-group.ts';
import type { IfExists } from '../../api/hooks.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import { filesOf } from '../lookup.ts';
import { FolderStack, TotalProgress, type TransferOptions } from '../tree-transfer.ts';
import { ensureFolder, type Metadata } from './destination.ts';
import { ItemUpload } from './new-items.ts';
import { describeResult, type Uploaded, uploadToItem } from './upload.ts';

/**
 * Files are uploaded into one item, or each as an item into a folder. An item that the caller has just created is not
 * searched for files of their names.
 */
export type UploadPlace = ItemPlace | { readonly folderId: string };

type ItemPlace = { readonly itemId: string; readonly isNew?: boolean };

/** The attributes that all files of an upload share. */
export type FileTraits = {
  readonly ifExists?: IfExists | undefined;
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  readonly metadata?: Metadata | undefined;
};

/** `path` is relative to the uploaded directory, or the name of an uploaded file. */
export type UploadedFile = Uploaded & { readonly path: string };

/**
 * `onRefused` may throw, which fails the upload with that error; `ignore` skips a path and all below it.
 * `keepSources` fills `sources` of the result.
 */
export type TreeUploadOptions = TransferOptions & {
  readonly onUploaded?: ((file: UploadedFile) => void) | undefined;
  readonly onRefused?: ((refused: Refused) => void) | undefined;
  readonly ignore?: ((path: string) => boolean) | undefined;
  readonly keepSources?: boolean | undefined;
  readonly links?: LinkHandling | undefined;
  readonly concurrency?: number | undefined;
  readonly maxDepth?: number | undefined;
  readonly maxEntries?: number | undefined;
};

/**
 * `refused` has the first paths of each kind, `refusedCounts` counts all. `sources` are the uploaded paths in
 * the order of the walk, for removeUploaded; `unrecorded` more did not fit into memory.
 */
export type UploadedTree = {
  readonly files: number;
  readonly size: number;
  readonly refused: readonly Refused[];
  readonly refusedCounts: Readonly<Record<Refused['kind'], number>>;
  readonly sources: readonly CreatedPath[];
  readonly unrecorded: number;
};

const defaults = { maxDepth: 100, maxEntries: 200_000 };
/** How many files of an item are held while an upload into it compares them. */
const maxExisting = 20_000;
/** The whitespace that Python's strip removes. */
const spaceAround = /^[\s\x1c-\x1f\x85]|[\s\x1c-\x1f\x85]$/;

/** The upload of a directory, which starts while the directory is still being walked. */
export class TreeUpload {
  readonly #client: GirderClient;
  readonly #traits: FileTraits;
  readonly #options: TreeUploadOptions;
  readonly #group: TaskGroup;
  readonly #files: TaskLimit;
  readonly #progress: TotalProgress;
  readonly #refusals = new Refusals();
  readonly #sources: UploadSources | undefined;
  #items: ItemUpload | undefined;
  #count = 0;
  #size = 0;

  /** `base` is the path of the directory, with which the paths of sources begin. */
  constructor(client: GirderClient, traits: FileTraits, options: TreeUploadOptions & { base?: string }) {
    this.#client = client;
    this.#traits = traits;
    this.#options = options;
    this.#group = new TaskGroup(options.signal);
    this.#files = new TaskLimit(this.#group, options.concurrency ?? (() => client.pace.limit));
    this.#progress = new TotalProgress(options.onProgress);
    if (options.keepSources === true) this.#sources = new UploadSources(options.base);
  }

  /**
   * Uploads the regular files directly in a directory as files of one item; directories in it are refused.
   */
  async intoItem(directory: FileHandle, { itemId, isNew = false }: ItemPlace): Promise<UploadedTree> {
    const { signal } = this.#group;
    return this.#run(async () => {
      const existing = isNew ? new Map<string, GirderFile>() : await this.#existingFiles(itemId);
      for await (const entry of walkTree(directory, { ...this.#limits, isFlat: true })) {
        if (entry.kind === 'file') {
          await this.#startFile(entry, async (file, options) => {
            const found = existing && { file: existing.get(file.name) };
            const uploaded = await uploadToItem(this.#client, { ...file, itemId, found }, options);
            this.#stored(entry.path, uploaded);
          });
        } else if (entry.kind === 'refused')
          this.#refuse({ path: entry.path, kind: entry.problem, why: entry.why });
        else
          this.#refuse({
            path: entry.path,
            kind: 'directory',
            why: 'is a directory, and an item can hold only files',
          });
      }
      await this.#files.idle();
      if (this.#count > 0) await describeResult(this.#client, { itemId, ...this.#traits }, signal);
    });
  }

  /** Uploads directories as folders, and files as items in them. */
  async intoFolder(directory: FileHandle, folderId: string): Promise<UploadedTree> {
    return this.#run(async () => {
      const folders = new FolderStack(folderId);
      const items = new ItemUpload(this.#client, directory, {
        traits: this.#traits,
        signal: this.#group.signal,
        onStored: (path, uploaded) => this.#stored(path, uploaded),
      });
      this.#items = items;
      for await (const entry of walkTree(directory, this.#limits)) {
        const parent = folders.parentOf(entry.path);
        // Entries of a directory that is not uploaded have no folder.
        if (parent === undefined) await closeHandle(entry);
        else if (entry.kind === 'refused')
          this.#refuse({ path: entry.path, kind: entry.problem, why: entry.why });
        else if (spaceAround.test(posix.basename(entry.path))) await this.#refuseName(entry);
        else if (entry.kind === 'directory')
          folders.push(entry.path, await this.#makeFolder(entry.path, parent));
        else {
          await this.#startFile(entry, (file, options) =>
            items.upload(entry.path, { ...file, folderId: parent }, options),
          );
        }
      }
      await this.#files.idle();
      await items.finish();
    });
  }

  async #run(walk: () => Promise<void>): Promise<UploadedTree> {
    void this.#group.start(async () => {
      await walk();
      this.#progress.listed();
    });
    try {
      await this.#group.finish();
    } catch (error) {
      this.#items?.abandon();
      throw error;
    }
    return {
      files: this.#count,
      size: this.#size,
      refused: this.#refusals.first,
      refusedCounts: this.#refusals.counts,
      sources: this.#sources?.recorded ?? [],
      unrecorded: this.#sources?.unrecorded ?? 0,
    };
  }

  async #startFile(entry: WalkedFile, upload: UploadOne): Promise<void> {
    const { path, handle: source, size, inode } = entry;
    const { mimeType, reference, ifExists } = this.#traits;
    const options = { signal: this.#group.signal, onProgress: this.#progress.file(size) };
    try {
      await this.#files.start(async () => {
        await using _ = source;
        await upload({ name: posix.basename(path), source, size, mimeType, reference, ifExists }, options);
        this.#client.pace.succeeded();
      });
    } catch (error) {
      await source.close();
      throw error;
    }
    this.#sources?.note({ path, inode });
  }

  #stored(path: string, uploaded: Uploaded): void {
    this.#count += 1;
    this.#size += uploaded.size;
    this.#options.onUploaded?.({ ...uploaded, path });
  }

  async #makeFolder(path: string, folderId: string): Promise<string> {
    this.#sources?.note({ path });
    return ensureFolder(this.#client, { folderId, name: posix.basename(path) }, this.#group.signal);
  }

  async #refuseName(entry: WalkEntry): Promise<void> {
    await closeHandle(entry);
    this.#refuse({
      path: entry.path,
      kind: 'name',
      why: 'has spaces at the start or end of its name, which Girder removes',
    });
  }

  #refuse(refused: Refused): void {
    this.#refusals.add(refused);
    this.#options.onRefused?.(refused);
  }

  /**
   * The files of an item by name; of two with the same name the first counts, but a link only without a file.
   * Undefined if they are too many
   * to hold: each file of the upload is then looked up by itself.
   */
  async #existingFiles(itemId: string): Promise<ReadonlyMap<string, GirderFile> | undefined> {
    const existing = new Map<string, GirderFile>();
    const options = { signal: this.#group.signal, pageSize: 1000 };
    for await (const files of filesOf(this.#client, itemId, options))
      for (const file of files) {
        if (existing.size >= maxExisting) return undefined;
        const other = existing.get(file.name);
        if (other === undefined || (other.isLink && !file.isLink)) existing.set(file.name, file);
      }
    return existing;
  }

  get #limits(): WalkLimits {
    const { maxDepth = defaults.maxDepth, maxEntries = defaults.maxEntries, ignore, links } = this.#options;
    return { maxDepth, maxEntries, ignore, links };
  }
}

type UploadOne = (
  file: { name: string; source: FileHandle; size: number } & Omit<FileTraits, 'metadata'>,
  options: TransferOptions,
) => Promise<void>;

async function closeHandle(entry: WalkEntry): Promise<void> {
  if (entry.kind === 'file') await entry.handle.close();
}

export type Refused = {
  readonly path: string;
  readonly kind: 'directory' | 'unsafe' | 'name' | 'link';
  readonly why: string;
};

/** Of each kind: enough for a message, however many files a target left. */
const maxKept = 20;

/** Counts all refused paths, and keeps the first of each kind. */
export class Refusals {
  readonly first: Refused[] = [];
  readonly counts = { directory: 0, unsafe: 0, name: 0, link: 0 };

  add(refused: Refused): void {
    this.counts[refused.kind] += 1;
    if (this.counts[refused.kind] <= maxKept) this.first.push(refused);
  }
}

/** Bytes of the paths, which stay in memory until the end of the upload. */
const maxSourceBytes = 16 * 1024 * 1024;

/** The paths of uploaded files, for removeUploaded; only the first ones if a target left too many. */
export class UploadSources {
  readonly #recorded: CreatedPath[] = [];
  readonly #base: string;
  #bytes = 0;
  #unrecorded = 0;

  /** `base` is the uploaded directory: the first path, and the one to which the others are relative. */
  constructor(base: string | undefined) {
    this.#base = base ?? '.';
    if (base !== undefined) this.#recorded.push({ path: base });
  }

  note(source: CreatedPath): void {
    const path = posix.join(this.#base, source.path);
    this.#bytes += Buffer.byteLength(path);
    if (this.#bytes > maxSourceBytes) this.#unrecorded += 1;
    else this.#recorded.push({ ...source, path });
  }

  get recorded(): readonly CreatedPath[] {
    return this.#recorded;
  }

  /** How many paths did not fit. */
  get unrecorded(): number {
    return this.#unrecorded;
  }
}
