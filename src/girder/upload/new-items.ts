import type { FileHandle } from 'node:fs/promises';
import { ConfinedPathError, inDirectory, openDirectory, openPlace, splitLast } from '../../io/confined.ts';
import { openWalked } from '../../io/walk.ts';
import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type NamedDocument, parseNamedList } from '../documents.ts';
import { describeItem, itemsOf } from '../lookup.ts';
import { TransientFailure } from '../retry.ts';
import { NameSet, type TransferOptions } from '../tree-transfer.ts';
import { addMetadata, discardItem } from './destination.ts';
import { UploadSource } from './source.ts';
import { isSentWhole, sendNewFile } from './start.ts';
import {
  cancelUpload,
  checkSize,
  discard,
  explainUpload,
  type FolderUpload,
  type Uploaded,
  uploadToFolder,
} from './upload.ts';

type UncheckedFile = {
  readonly itemId: string;
  readonly folderId: string;
  readonly name: string;
  readonly path: string;
  readonly uploaded: Uploaded;
};

type ItemUploadOptions = {
  /** The attributes that all files share. */
  readonly traits: Omit<FolderUpload, 'folderId' | 'name' | 'source' | 'size'>;
  readonly signal: AbortSignal;
  readonly onStored: (path: string, uploaded: Uploaded) => void;
};

/** Uploads the files of a tree as items, each new small one in one request. */
export class ItemUpload {
  readonly #client: GirderClient;
  readonly #directory: FileHandle;
  readonly #options: ItemUploadOptions;
  readonly #names: FolderNames;
  readonly #unchecked: UncheckedItems<UncheckedFile>;

  constructor(client: GirderClient, directory: FileHandle, options: ItemUploadOptions) {
    this.#client = client;
    this.#directory = directory;
    this.#options = options;
    this.#names = new FolderNames(client, options.signal);
    this.#unchecked = new UncheckedItems(client, options.signal, {
      accept: ({ path, uploaded }) => options.onStored(path, uploaded),
      replace: (file) => this.#replace(file),
    });
  }

  async upload(path: string, file: Omit<FolderUpload, 'metadata'>, options: TransferOptions): Promise<void> {
    const { folderId, name } = file;
    const upload = { ...file, metadata: this.#options.traits.metadata };
    const isNew = isAddedWhole(file) && (await this.#names.isFree(folderId, name));
    const uploaded = isNew ? await uploadAsNewItem(this.#client, upload, options) : undefined;
    if (uploaded === undefined) {
      this.#options.onStored(path, await uploadToFolder(this.#client, upload, options));
      return;
    }
    await this.#unchecked.add({ itemId: uploaded.itemId, folderId, name, path, uploaded });
  }

  finish(): Promise<void> {
    return this.#unchecked.check();
  }

  abandon(): void {
    this.#unchecked.acceptAll();
  }

  /** Another client has created an item with the name of the file: the file belongs into that one. */
  async #replace({ path, folderId, name, uploaded }: UncheckedFile): Promise<void> {
    const { traits, signal, onStored } = this.#options;
    await discardNewItem(this.#client, uploaded);
    const { parents, name: last } = splitLast(path);
    await using parent = await openDirectory(inDirectory(this.#directory, '.'), parents);
    await using place = await openPlace(parent, last, path);
    if (!(await place.stat()).isFile()) throw new ConfinedPathError('unsafe', `${path} was replaced`);
    const { handle, size } = await openWalked(place, path);
    await using source = handle;
    onStored(
      path,
      await uploadToFolder(this.#client, { ...traits, folderId, name, source, size }, { signal }),
    );
  }
}

/**
 * Whether a file may be sent as a new item without a look at the one that may have its name: not with Fail, because
 * after a lost response its own item could not be distinguished from that of another.
 */
function isAddedWhole(file: FolderUpload): boolean {
  return (file.ifExists ?? 'Replace') === 'Replace' && isSentWhole(file);
}

/**
 * Uploads a small file as a new item in one request, for a name that no item of the folder has. Girder names
 * the item otherwise if it has one by then, so the caller has to check its name. Returns undefined if the
 * request failed in a way that uploadToFolder may cure; then the file may be in Girder, or not.
 */
async function uploadAsNewItem(
  client: GirderClient,
  { folderId, metadata, ...file }: FolderUpload,
  { signal, onProgress }: TransferOptions,
): Promise<Uploaded | undefined> {
  const { name, size } = file;
  const source = new UploadSource({ handle: file.source, name, size });
  try {
    await source.checkUnchanged();
    const bytes = await source.readAll();
    const place = { ...file, parentType: 'folder', parentId: folderId } as const;
    const stored = await createItem(client, { place, bytes }, signal);
    const itemId = stored?.itemId;
    if (stored === undefined || itemId === undefined) return undefined;
    const { _id: fileId } = checkSize(stored, file);
    await addMetadata(client, itemId, metadata, signal);
    onProgress?.(size, size);
    return { itemId, fileId, name, size, sha256: source.digest(), unchanged: false };
  } catch (error) {
    signal.throwIfAborted();
    throw explainUpload(error, name);
  }
}

async function createItem(
  client: GirderClient,
  file: Parameters<typeof sendNewFile>[1],
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  try {
    const result = await sendNewFile(client, file, signal);
    if (result !== undefined && 'file' in result) return result.file;
    if (result !== undefined) await cancelUpload(client, result.upload);
  } catch (error) {
    const isRefused = error instanceof RunError && error.reason === 'GirderRefused';
    if (!isRefused && !(error instanceof TransientFailure)) throw error;
    client.pace.slowDown();
  }
  return undefined;
}

/** Deletes an item of uploadAsNewItem with its file, unless others have put files into it: best effort. */
async function discardNewItem(
  client: GirderClient,
  { itemId, fileId }: Pick<Uploaded, 'itemId' | 'fileId'>,
): Promise<void> {
  await discard(client, ['file', fileId], `file ${fileId}`);
  await discardItem(client, itemId);
}

/** How many names of a folder are held: 50,000 hashes are 2 MB. */
const maxNames = 50_000;

/** How many folders' names are held. A walk is in few folders at once; one that it left may be listed again. */
const maxFolders = 8;

/** The names of the items that folders had when an upload into them began. */
export class FolderNames {
  readonly #client: GirderClient;
  readonly #signal: AbortSignal;
  readonly #names = new Map<string, Promise<NameSet | undefined>>();

  constructor(client: GirderClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Whether the folder certainly had no item with that name; false if it has too many items to tell. */
  async isFree(folderId: string, name: string): Promise<boolean> {
    const names = this.#names.get(folderId) ?? this.#list(folderId);
    this.#names.delete(folderId);
    this.#names.set(folderId, names);
    return (await names)?.has(name) === false;
  }

  #list(folderId: string): Promise<NameSet | undefined> {
    const [oldest] = this.#names.size < maxFolders ? [] : this.#names.keys();
    if (oldest !== undefined) this.#names.delete(oldest);
    return this.#request(folderId);
  }

  async #request(folderId: string): Promise<NameSet | undefined> {
    const names = new NameSet();
    for await (const items of itemsOf(this.#client, folderId, { signal: this.#signal, pageSize: 1000 })) {
      for (const { name } of items) names.add(name);
      if (names.size > maxNames) return undefined;
    }
    return names;
  }
}

/** An item that was created in a folder together with its file. */
type NewItem = { readonly itemId: string; readonly folderId: string; readonly name: string };

/** `accept` gets an item that has its name, `replace` one that Girder named otherwise. */
type NewItemHandlers<T> = {
  readonly accept: (item: T) => void;
  readonly replace: (item: T) => Promise<void>;
};

const maxUnchecked = 512;
/** More than the newest items are listed, since others may create items at the same time. */
const spareEntries = 32;
const maxPages = 20;

/**
 * New items whose names are checked, many with one list of their folder: Girder names an item "x (1)" if
 * another client created "x" after the names of the folder were listed. The first is checked at once, so that
 * a Girder that always does that is detected early.
 */
export class UncheckedItems<T extends NewItem> {
  readonly #client: GirderClient;
  readonly #signal: AbortSignal;
  readonly #handlers: NewItemHandlers<T>;
  readonly #held = new Set<T>();
  #batch = 1;

  constructor(client: GirderClient, signal: AbortSignal, handlers: NewItemHandlers<T>) {
    this.#client = client;
    this.#signal = signal;
    this.#handlers = handlers;
  }

  async add(item: T): Promise<void> {
    this.#held.add(item);
    if (this.#held.size < this.#batch) return;
    this.#batch = Math.min(maxUnchecked, this.#batch * 2);
    await this.check();
  }

  async check(): Promise<void> {
    for (const [folderId, items] of Map.groupBy(this.#held, (item) => item.folderId))
      await this.#checkIn(folderId, items);
  }

  /** After a failure: their files are in Girder, though their names are not known. */
  acceptAll(): void {
    for (const item of this.#held) this.#accept(item);
  }

  async #checkIn(folderId: string, items: readonly T[]): Promise<void> {
    const names = await this.#newestNames(folderId, items);
    for (const item of items) {
      const name = names.get(item.itemId) ?? (await this.#nameOf(item.itemId));
      // Two checks may overlap.
      if (!this.#held.has(item)) continue;
      if (!isNumbered(name, item.name)) {
        this.#accept(item);
        continue;
      }
      this.#held.delete(item);
      await this.#handlers.replace(item);
    }
  }

  #accept(item: T): void {
    this.#held.delete(item);
    this.#handlers.accept(item);
  }

  async #newestNames(folderId: string, items: readonly T[]): Promise<ReadonlyMap<string, string>> {
    const wanted = new Set(items.map(({ itemId }) => itemId));
    const names = new Map<string, string>();
    const limit = items.length + spareEntries;
    for (let page = 0; page < maxPages && wanted.size > 0; page += 1) {
      const entries = await this.#newest(folderId, { limit, offset: page * limit });
      for (const { _id, name } of entries) if (wanted.delete(_id)) names.set(_id, name);
      if (entries.length < limit) break;
    }
    return names;
  }

  #newest(
    folderId: string,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): Promise<NamedDocument[]> {
    const query = { folderId, limit, offset, sort: '_id', sortdir: -1 };
    const request = { method: 'GET', route: ['item'], query, subject: `folder ${folderId}` } as const;
    return this.#client.json({ ...request, signal: this.#signal, parse: parseNamedList });
  }

  /** Undefined for an item that a plugin or a user has already removed. */
  async #nameOf(itemId: string): Promise<string | undefined> {
    try {
      return (await describeItem(this.#client, itemId, this.#signal)).name;
    } catch (error) {
      if (error instanceof RunError && error.reason === 'GirderNotFound') return undefined;
      throw error;
    }
  }
}

/** Whether Girder added a number; any other name is the work of a plugin or of a user. */
function isNumbered(actual: string | undefined, wanted: string): boolean {
  return actual?.startsWith(`${wanted} (`) === true && /^ \(\d+\)$/.test(actual.slice(wanted.length));
}
