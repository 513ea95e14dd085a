import type { GirderClient } from './client.ts';
import { type GirderFile, type NamedDocument, parseFiles, parseNamed, parseNamedList } from './documents.ts';
import { listPages, type PageOptions } from './list-pages.ts';

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
