import { receiptKey, parseReceipt, type Receipt } from '../api/set/receipt.ts';
import type { DockerRunSetSpec } from '../api/set/set-spec.ts';
import type { GirderClient } from '../girder/client.ts';
import { type ListedDocument, parseListedPage } from '../girder/listed-documents.ts';
import { foldersByName, itemsByName, type NameOrder, PageSize } from '../girder/name-listing.ts';
import { type Joined, joinBeside, joinByName, mergeByName } from './joined-names.ts';
import type { MirrorFolders } from './mirror.ts';
import type { Places } from './places.ts';

/** An input, a result, or both. */
export type Found = Joined<ListedDocument, ListedDocument> & {
  /** The folders below the source that they are in. */
  readonly names: readonly string[];
  /** Whether the input before it in the same folder has its name, which Girder does not allow. */
  readonly isNamesake: boolean;
};

type Options = {
  readonly client: GirderClient;
  readonly source: Pick<DockerRunSetSpec['source'], 'each' | 'recursive'>;
  readonly places: Places;
  /** For place Input, what is added to the name of an input for that of its result. */
  readonly suffix: string | undefined;
  readonly order: NameOrder;
  readonly mirror: MirrorFolders;
  readonly signal: AbortSignal;
};

/** An input that was found, with the result at its place. */
export type FoundInput = {
  readonly input: ListedDocument;
  readonly result: ListedDocument | undefined;
  readonly names: readonly string[];
  readonly isNamesake: boolean;
  /** Whether the result has moved along with the input in this pass, or would in a dry run. */
  readonly hasMoved?: boolean;
};

/** A folder of the source with that of the results that mirrors it, as far as they exist. */
type Level = {
  readonly sourceId: string | undefined;
  readonly resultsId: string | undefined;
  readonly names: readonly string[];
};

/** The item with the reports; nothing with this name is an input. */
export const reportsName = '.reports';

export function isReserved(name: string): boolean {
  return name === reportsName || name.startsWith(`${reportsName}.`);
}

export function receiptIn({ meta }: ListedDocument): Receipt | undefined {
  return meta[receiptKey] === undefined ? undefined : parseReceipt(meta[receiptKey]);
}

/**
 * Walks the source and the results, folder by folder and each by name, and joins inputs with results. In memory are a
 * page of each list of the folders that it is in.
 */
export class FolderWalk {
  readonly #options: Options;
  readonly #inputPages = new PageSize();
  readonly #resultPages = new PageSize();

  constructor(options: Options) {
    this.#options = options;
  }

  found(): AsyncGenerator<Found, void, undefined> {
    const { sourceId, resultsId } = this.#options.places;
    return this.#level({ sourceId, resultsId, names: [] });
  }

  async *#level(level: Level): AsyncGenerator<Found, void, undefined> {
    const { source, mirror, suffix } = this.#options;
    const { names, resultsId } = level;
    if (resultsId !== undefined && suffix === undefined) mirror.know(names, resultsId);
    let last: string | undefined;
    for await (const joined of this.#joined(level)) {
      const name = joined.input?.name;
      yield { ...joined, names, isNamesake: name !== undefined && name === last };
      last = name ?? last;
    }
    if (source.recursive) yield* this.#below(level);
  }

  #joined(level: Level): AsyncGenerator<Joined<ListedDocument, ListedDocument>, void, undefined> {
    const { suffix, order, source } = this.#options;
    if (suffix === undefined) return joinByName(this.#inputs(level), this.#results(level), order);
    const isResult = (entry: ListedDocument) => receiptIn(entry) !== undefined;
    const items = this.#itemsOf(level.sourceId, this.#inputPages);
    if (source.each === 'Item') {
      return joinBeside(items, { suffix, isResult, isInput: isFree, order });
    }
    const folders = new Set<string>();
    const noted = noting(this.#inputFolders(level), folders);
    const isInput = ({ _id }: ListedDocument) => folders.delete(_id);
    return joinBeside(mergeByName(noted, items, order), { suffix, isResult, isInput, order });
  }

  #inputs(level: Level): AsyncGenerator<ListedDocument, void, undefined> {
    if (this.#options.source.each === 'Folder') return this.#inputFolders(level);
    return filtered(this.#itemsOf(level.sourceId, this.#inputPages), isFree);
  }

  #results({ resultsId }: Level): AsyncGenerator<ListedDocument, void, undefined> {
    return this.#itemsOf(resultsId, this.#resultPages);
  }

  async *#inputFolders({ sourceId }: Level): AsyncGenerator<ListedDocument, void, undefined> {
    for await (const folder of this.#foldersOf(sourceId)) {
      if (!isReserved(folder.name) && (await this.#isInput(folder))) yield folder;
    }
  }

  async *#below({ sourceId, resultsId, names }: Level): AsyncGenerator<Found, void, undefined> {
    const { order, suffix, source } = this.#options;
    const folders = this.#foldersOf(sourceId);
    const mirrored = this.#foldersOf(suffix === undefined ? resultsId : undefined);
    for await (const { input, result } of joinByName(folders, mirrored, order)) {
      const isDone = input !== undefined && source.each === 'Folder' && (await this.#isInput(input));
      const inner = isDone ? undefined : input?._id;
      const name = (input ?? result)?.name ?? '';
      yield* this.#inside({ sourceId: inner, resultsId: result?._id, names: [...names, name] });
    }
  }

  async *#inside(level: Level): AsyncGenerator<Found, void, undefined> {
    // The source may be below the results: its own folder has no results.
    const isSource = level.resultsId === this.#options.places.sourceId;
    const resultsId = isSource ? undefined : level.resultsId;
    if (level.sourceId !== undefined || resultsId !== undefined) yield* this.#level({ ...level, resultsId });
  }

  /** Whether a folder is one input, because items are directly in it; results beside inputs are none. */
  async #isInput({ _id, size }: ListedDocument): Promise<boolean> {
    const { client, signal, suffix } = this.#options;
    if (suffix === undefined && size !== undefined && size > 0) return true;
    const query = { folderId: _id, limit: 1, sort: 'name' };
    const request = { method: 'GET', route: ['item'], query, subject: `folder ${_id}`, signal } as const;
    const [first] = await client.json({ ...request, parse: parseListedPage });
    if (first === undefined) return false;
    if (isFree(first)) return true;
    for await (const item of this.#itemsOf(_id, this.#inputPages)) if (isFree(item)) return true;
    return false;
  }

  #itemsOf(folderId: string | undefined, pages: PageSize) {
    const { client, order, signal } = this.#options;
    return folderId === undefined ? none() : itemsByName(client, folderId, { order, pages, signal });
  }

  /** The results are never walked as a part of the source. */
  #foldersOf(folderId: string | undefined) {
    if (folderId === undefined) return none();
    const { client, order, places, signal } = this.#options;
    const folders = foldersByName(client, folderId, { order, pages: this.#inputPages, signal });
    return filtered(folders, ({ _id }) => _id !== places.resultsId);
  }
}

/** What may be an input: not a report, and not a result, even one whose set has only claimed its place so far. */
function isFree({ name, meta }: ListedDocument): boolean {
  return !isReserved(name) && meta[receiptKey] === undefined;
}

async function* none(): AsyncGenerator<ListedDocument, void, undefined> {
  // No folder has no entries.
}

async function* filtered<T>(
  entries: AsyncIterable<T>,
  accepts: (entry: T) => boolean,
): AsyncGenerator<T, void, undefined> {
  for await (const entry of entries) if (accepts(entry)) yield entry;
}

async function* noting<T extends { readonly _id: string }>(
  entries: AsyncIterable<T>,
  ids: Set<string>,
): AsyncGenerator<T, void, undefined> {
  for await (const entry of entries) {
    ids.add(entry._id);
    yield entry;
  }
}
