import { RunError } from '../support/errors.ts';
import type { Parameters } from './api-url.ts';
import type { GirderClient } from './client.ts';
import {
  type FolderCounts,
  type GirderFile,
  type ItemDocument,
  type NamedDocument,
  type Resource,
  type ResourceKind,
  parseCounts,
  parseFiles,
  parseItemList,
  parseMetadata,
  parseNamed,
  parseNamedList,
  parseResource,
  ignoreBody,
} from './documents.ts';

export function describeItem(client: GirderClient, itemId: string, signal: AbortSignal) {
  return describeNamed(client, 'item', itemId, signal);
}

export function describeFolder(client: GirderClient, folderId: string, signal: AbortSignal) {
  return describeNamed(client, 'folder', folderId, signal);
}

export function describeMetadata(
  client: GirderClient,
  { kind, id }: { readonly kind: 'item' | 'folder'; readonly id: string },
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const subject = `${kind} ${id}`;
  return client.json({ method: 'GET', route: [kind, id], subject, signal, parse: parseMetadata });
}

/** How much is directly in a folder, without listing it. */
export function countsOf(client: GirderClient, folderId: string, signal: AbortSignal): Promise<FolderCounts> {
  const subject = `folder ${folderId}`;
  return client.json({
    method: 'GET',
    route: ['folder', folderId, 'details'],
    subject,
    signal,
    parse: parseCounts,
  });
}

/** The kinds of documents whose ids a run names. */
export type DocumentKind = 'file' | 'item' | 'folder';

const kinds = ['file', 'item', 'folder'] as const satisfies readonly DocumentKind[];

/** The kind of an id that does not exist as `kind`, for an error message: best effort, without retries. */
export async function otherKindOf(
  client: GirderClient,
  { kind, id }: { readonly kind: DocumentKind; readonly id: string },
  signal: AbortSignal,
): Promise<DocumentKind | undefined> {
  const isA = async (other: DocumentKind) => {
    const subject = `${other} ${id}`;
    try {
      await client.jsonOnce({ method: 'GET', route: [other, id], subject, signal, parse: ignoreBody });
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };
  for (const other of kinds) if (other !== kind && (await isA(other))) return other;
  return undefined;
}

/** Folders that do not exist yet, each in the one before; the first is in `parent`. */
export type NewFolder = {
  readonly parent: { readonly kind: 'user' | 'collection' | 'folder'; readonly id: string };
  readonly names: readonly string[];
};

/** What a path leads to; a `problem` if it leads to nothing that the run can use, but the run continues without it. */
export type FoundPlace =
  | { readonly id: string; readonly kind?: ResourceKind }
  | { readonly newFolder: NewFolder }
  | { readonly problem: RunError };

/** By the path in the spec. */
export type FoundPlaces = ReadonlyMap<string, FoundPlace>;

/** How releases of Girder write a `/` in a name. */
const slashes = ['\\-', '\\/'] as const;

/** The names in a path of Girder: its first is `collection` or `user`. */
export function namesOfPath(path: string): string[] {
  const names = path.replace(/^\//, '').match(/(?:\\.|[^/])+/gs) ?? [];
  return names.map((name) =>
    name.replace(/\\([-/\\])/g, (_, escaped: string) => (escaped === '\\' ? '\\' : '/')),
  );
}

/** The path of some names, as Girder's current releases write it. */
export function pathOfNames(names: readonly string[], slash: (typeof slashes)[number] = slashes[0]): string {
  return names.map((name) => `/${name.replaceAll('\\', '\\\\').replaceAll('/', slash)}`).join('');
}

/** What the names lead to; undefined if that does not exist or the user may not read it. */
export async function resourceAt(
  client: GirderClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Resource | undefined> {
  const paths = new Set(slashes.map((slash) => pathOfNames(names, slash)));
  for (const path of paths) {
    const request = { method: 'GET', route: ['resource', 'lookup'], query: { path } } as const;
    try {
      return await client.json({ ...request, subject: path, signal, parse: parseResource });
    } catch (error) {
      if (!(error instanceof RunError) || error.reason !== 'GirderNotFound') throw error;
    }
  }
  return undefined;
}

/** The longest part of a path that exists, with how many names it has. */
export async function nearestResource(
  client: GirderClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly resource: Resource; readonly length: number } | undefined> {
  let nearest: { resource: Resource; length: number } | undefined;
  // What exists of a path is its beginning, so the number of requests grows with the logarithm of its length.
  for (let [least, most] = [2, names.length - 1]; least <= most;) {
    const length = Math.ceil((least + most) / 2);
    const resource = await resourceAt(client, names.slice(0, length), signal);
    if (resource === undefined) most = length - 1;
    else [nearest, least] = [{ resource, length }, length + 1];
  }
  return nearest;
}

/** How many documents beside one in Girder have its name, with itself; 2 stands for more. */
export async function countNamesakes(
  client: GirderClient,
  { kind, name, folderId, itemId, parentId, parentKind }: Resource,
  signal: AbortSignal,
): Promise<number> {
  if (kind === 'file' && itemId !== undefined) {
    let count = 0;
    for await (const page of filesOf(client, itemId, { signal })) {
      count += page.filter((file) => file.name === name).length;
      if (count > 1) break;
    }
    return count;
  }
  const parent = kind === 'item' ? { folderId } : { parentType: parentKind, parentId };
  const query = { ...parent, name, limit: 2 };
  const subject = `${kind} ${name}`;
  const request = { method: 'GET', route: [kind], query, subject, signal, parse: parseNamedList } as const;
  return (await client.json(request)).length;
}

/** The folders directly in a folder, in pages; Girder lists only those that the user may read. */
export function subfolders(client: GirderClient, folderId: string, options: PageOptions) {
  const query = { parentType: 'folder', parentId: folderId };
  const listing = { route: ['folder'], query, subject: `folder ${folderId}`, isByAccess: true };
  return listNamed(client, listing, options);
}

/** The items directly in a folder, in pages. */
export function itemsOf(
  client: GirderClient,
  folderId: string,
  options: PageOptions,
): AsyncGenerator<ItemDocument[], void, undefined> {
  const listing = { route: ['item'], query: { folderId }, subject: `folder ${folderId}` };
  return listPages(client, { ...listing, parse: parseItemList }, options);
}

/** The files of an item, in pages. */
export function filesOf(
  client: GirderClient,
  itemId: string,
  options: PageOptions,
): AsyncGenerator<GirderFile[], void, undefined> {
  const route = ['item', itemId, 'files'];
  return listPages(client, { route, subject: `item ${itemId}`, parse: parseFiles }, options);
}

export async function hasFiles(client: GirderClient, itemId: string, signal: AbortSignal): Promise<boolean> {
  for await (const files of filesOf(client, itemId, { signal, pageSize: 2 })) return files.length > 0;
  return false;
}

function describeNamed(
  client: GirderClient,
  kind: 'item' | 'folder',
  id: string,
  signal: AbortSignal,
): Promise<NamedDocument> {
  const subject = `${kind} ${id}`;
  return client.json({ method: 'GET', route: [kind, id], subject, signal, parse: parseNamed });
}

function listNamed(
  client: GirderClient,
  listing: Omit<Listing<NamedDocument>, 'parse'>,
  options: PageOptions,
): AsyncGenerator<NamedDocument[], void, undefined> {
  return listPages(client, { ...listing, parse: parseNamedList }, options);
}

/** A list of Girder; `parse` reads one page of it. */
type Listing<T> = {
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly parse: (value: unknown) => T[];
  /** Whether a user sees other entries than a stranger does, so that a page needs a session that lasts. */
  readonly isByAccess?: boolean;
};

/**
 * `pageSize` is at least 2, because each page starts with the last entry of the previous one. `expected` is how many
 * entries there are, if that is known: a page that is shorter than requested is otherwise not taken for the last.
 */
export type PageOptions = {
  readonly signal: AbortSignal;
  readonly pageSize?: number | undefined;
  readonly expected?: number | undefined;
};

const defaultPageSize = 200;
const maxRestarts = 5;

/**
 * Lists in the order of creation, a page at a time. Entries that are added meanwhile may be missed; after a
 * deletion that shifts the pages, the list starts again, so that no other entry is missed. A Girder that sorts in
 * another way is asked for one page with everything.
 * @throws RunError GirderUnavailable if entries could be missed
 */
async function* listPages<T extends { readonly _id: string }>(
  client: GirderClient,
  listing: Listing<T>,
  { signal, pageSize = defaultPageSize, expected = Infinity }: PageOptions,
): AsyncGenerator<T[], void, undefined> {
  const limit = Math.max(2, pageSize);
  let lastId = '';
  let overlapId: string | undefined;
  let [offset, listed] = [0, 0];
  for (let restarts = 0; restarts <= maxRestarts;) {
    const page = await pageOf(client, listing, { limit, offset }, signal);
    if (!isSorted(page)) {
      yield await wholeList(client, listing, { least: page.length, listed }, signal);
      return;
    }
    if (isShifted(page, overlapId)) {
      [overlapId, offset, restarts] = [undefined, 0, restarts + 1];
      continue;
    }
    // MongoDB's ids grow, so entries with a greater id than the last one are new.
    const added = page.filter(({ _id }) => _id > lastId);
    lastId = added.at(-1)?._id ?? lastId;
    listed += added.length;
    if (added.length > 0) yield added;
    // A plugin may return fewer entries than requested, so only a page with nothing new is the last.
    if (isLast(page, { limit, listed, expected })) return;
    // A folder that became visible shifts the pages by its entry; a server that ignores the offset does it for ever.
    if (added.length === 0) restarts += 1;
    overlapId = page.at(-1)?._id;
    offset += page.length - 1;
  }
  throw unlistable(client, listing, 'its entries change while it is listed');
}

/** The page does not have the entry that it should start with. */
function isShifted(page: readonly { readonly _id: string }[], overlapId: string | undefined): boolean {
  return overlapId !== undefined && !page.some(({ _id }) => _id === overlapId);
}

type Progress = { readonly limit: number; readonly listed: number; readonly expected: number };

function isLast({ length }: readonly unknown[], { limit, listed, expected }: Progress): boolean {
  return length < 2 || (length < limit && listed >= expected);
}

function isSorted(page: readonly { readonly _id: string }[]): boolean {
  return page.every(({ _id }, index) => index === 0 || (page[index - 1]?._id ?? '') < _id);
}

/**
 * All entries in one page, whose order does not matter; `least` is how many there are at least. Those of `listed`
 * entries that are in it are no longer known.
 */
async function wholeList<T extends { readonly _id: string }>(
  client: GirderClient,
  listing: Listing<T>,
  { least, listed }: { readonly least: number; readonly listed: number },
  signal: AbortSignal,
): Promise<T[]> {
  if (listed > 0) throw unlistable(client, listing, 'it does not sort its entries by _id');
  // Girder takes 0 for no limit.
  const all = await pageOf(client, listing, { limit: 0, offset: 0 }, signal);
  const entries = [...new Map(all.map((entry) => [entry._id, entry])).values()];
  const more = await pageOf(client, listing, { limit: 2, offset: all.length }, signal);
  if (entries.length === all.length && entries.length >= least && more.length === 0) return entries;
  throw unlistable(client, listing, 'it does not sort its entries by _id, and returns them only in parts');
}

function unlistable(
  client: GirderClient,
  { subject }: Pick<Listing<never>, 'subject'>,
  why: string,
): RunError {
  return new RunError('GirderUnavailable', `cannot list ${subject} in Girder ${client.apiUrl}: ${why}`);
}

function pageOf<T>(
  client: GirderClient,
  { route, query, subject, parse, isByAccess = false }: Listing<T>,
  { limit, offset }: { readonly limit: number; readonly offset: number },
  signal: AbortSignal,
): Promise<T[]> {
  const paging = { ...query, limit, offset, sort: '_id', sortdir: 1 };
  const ask = () => client.json({ method: 'GET', route, query: paging, subject, signal, parse });
  return isByAccess ? client.inOneSession(ask, signal) : ask();
}
