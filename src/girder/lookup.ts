import { RunError } from '../support/errors.ts';
import type { Parameters } from './api-url.ts';
import type { GirderClient } from './client.ts';
import {
  type GirderFile,
  type NamedDocument,
  parseFiles,
  parseNamed,
  parseNamedList,
  parseNothing,
} from './documents.ts';

/** Asks for an item's name. */
export function describeItem(client: GirderClient, itemId: string, signal: AbortSignal) {
  return describeNamed(client, 'item', itemId, signal);
}

/** Asks for a folder's name. */
export function describeFolder(client: GirderClient, folderId: string, signal: AbortSignal) {
  return describeNamed(client, 'folder', folderId, signal);
}

/** The folders directly in a folder that the user may read: Girder does not tell of any others. */
export function subfolders(client: GirderClient, folderId: string, options: PageOptions) {
  const query = { parentType: 'folder', parentId: folderId };
  return listNamed(client, { route: ['folder'], query, subject: `folder ${folderId}` }, options);
}

/** The items directly in a folder. */
export function itemsOf(client: GirderClient, folderId: string, options: PageOptions) {
  return listNamed(client, { route: ['item'], query: { folderId }, subject: `folder ${folderId}` }, options);
}

/** The files of an item. */
export function filesOf(
  client: GirderClient,
  itemId: string,
  options: PageOptions,
): AsyncGenerator<GirderFile[], void, undefined> {
  const route = ['item', itemId, 'files'];
  return listPages(client, { route, subject: `item ${itemId}`, parse: parseFiles }, options);
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
  listing: { route: string[]; query: Record<string, string>; subject: string },
  options: PageOptions,
): AsyncGenerator<NamedDocument[], void, undefined> {
  return listPages(client, { ...listing, parse: parseNamedList }, options);
}

/** A listing of Girder; `parse` reads one page of it. */
type Listing<T> = {
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly parse: (value: unknown) => T[];
};

/** How many entries one request asks for: at least 2, since each page begins with the last entry of the one before. */
export type PageOptions = { readonly signal: AbortSignal; readonly pageSize?: number | undefined };

const defaultPageSize = 200;
const mostRestarts = 5;

/**
 * Lists in the order of creation, a page at a time. What is added meanwhile may be missed; what is deleted meanwhile
 * makes nothing else be missed, because a page that does not follow on the one before makes it look from the start.
 */
async function* listPages<T extends { readonly _id: string }>(
  client: GirderClient,
  { route, query, subject, parse }: Listing<T>,
  { signal, pageSize = defaultPageSize }: PageOptions,
): AsyncGenerator<T[], void, undefined> {
  const limit = Math.max(2, pageSize);
  let given = '';
  let overlap: string | undefined;
  let offset = 0;
  for (let restarts = 0; restarts <= mostRestarts;) {
    const paging = { limit, offset, sort: '_id', sortdir: 1 };
    const ask = { method: 'GET' as const, route, query: { ...query, ...paging }, subject, signal, parse };
    const page = await client.json(ask);
    if (overlap !== undefined && (page[0] === undefined || page[0]._id > overlap)) {
      [overlap, offset, restarts] = [undefined, 0, restarts + 1];
      continue;
    }
    // The ids of MongoDB grow, so what has a greater one than the last was not given yet.
    const fresh = page.filter(({ _id }) => _id > given);
    given = fresh.at(-1)?._id ?? given;
    if (fresh.length > 0) yield fresh;
    if (page.length < limit) return;
    overlap = page.at(-1)?._id;
    offset += page.length - 1;
  }
  const text = `${subject} in Girder ${client.apiUrl} cannot be listed: entries are being deleted all the time`;
  throw new RunError('GirderUnavailable', text);
}

/** What an id of Girder can be of, as far as runs use them. */
export type DocumentKind = 'file' | 'item' | 'folder';

const kinds = ['file', 'item', 'folder'] as const satisfies readonly DocumentKind[];

/** What an id is of that is not of a `kind`, if the user may see it: best effort, asked once, for an error's message. */
export async function otherKindOf(
  client: GirderClient,
  { kind, id }: { readonly kind: DocumentKind; readonly id: string },
  signal: AbortSignal,
): Promise<DocumentKind | undefined> {
  const isA = async (other: DocumentKind) => {
    const subject = `${other} ${id}`;
    try {
      await client.jsonOnce({ method: 'GET', route: [other, id], subject, signal, parse: parseNothing });
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };
  for (const other of kinds) if (other !== kind && (await isA(other))) return other;
  return undefined;
}
