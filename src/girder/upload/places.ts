import { deadline, withGrace } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import type { Parameters } from '../api-url.ts';
import type { GirderClient } from '../client.ts';
import { type NamedDocument, parseFiles, parseNamed, parseNamedList, parseNothing } from '../documents.ts';

/** Where something of a name belongs in Girder. */
export type NamedPlace = { readonly folderId: string; readonly name: string };

/** An item, and whether it was made for this. */
export type ItemPlace = { readonly itemId: string; readonly isNew: boolean };

const discardWithin = 5_000;
const createGrace = 5_000;

/** The subfolder of that name, which is made if there is none. */
export async function ensureFolder(
  client: GirderClient,
  { folderId, name }: NamedPlace,
  signal: AbortSignal,
): Promise<string> {
  const form = { parentType: 'folder', parentId: folderId, name, reuseExisting: 'true' };
  return (await post(client, 'folder', { form, subject: subjectOf({ folderId, name }, 'folder'), signal }))
    ._id;
}

/** The item of that name in a folder, which is made if there is none. */
export async function ensureItem(
  client: GirderClient,
  { folderId, name }: NamedPlace,
  signal: AbortSignal,
): Promise<ItemPlace> {
  const subject = subjectOf({ folderId, name }, 'item');
  const found = await client.json({
    method: 'GET',
    route: ['item'],
    query: { folderId, name, limit: 1, sort: '_id' },
    subject: `folder ${folderId}`,
    signal,
    parse: parseNamedList,
  });
  if (found[0] !== undefined) return { itemId: found[0]._id, isNew: false };
  const form = { folderId, name, reuseExisting: 'true' };
  // An item that is made and not heard of would stay, empty.
  const item = await withGrace(signal, createGrace, (lingering) =>
    post(client, 'item', { form, subject, signal: lingering }),
  );
  if (item.name === name) return { itemId: item._id, isNew: true };
  // Girder gives an item another name when a folder has it.
  await discardItem(client, item._id);
  throw new RunError(
    'UploadFailed',
    `${subject} cannot be made: Girder names it ${JSON.stringify(item.name)}`,
  );
}

/** Deletes an item that was made for a file that did not come, if really no file is in it: best effort. */
export async function discardItem(client: GirderClient, itemId: string): Promise<void> {
  const about = { subject: `item ${itemId}`, signal: deadline(discardWithin) };
  try {
    const route = ['item', itemId];
    const files = await client.json({
      method: 'GET',
      route: [...route, 'files'],
      query: { limit: 1 },
      ...about,
      parse: parseFiles,
    });
    if (files.length === 0) await client.json({ method: 'DELETE', route, ...about, parse: parseNothing });
  } catch {
    // An empty item is a blemish, and what the upload failed of is what the user must know.
  }
}

function post(
  client: GirderClient,
  kind: 'folder' | 'item',
  ask: { form: Parameters; subject: string; signal: AbortSignal },
): Promise<NamedDocument> {
  return client.json({ method: 'POST', route: [kind], ...ask, parse: parseNamed });
}

function subjectOf({ folderId, name }: NamedPlace, kind: string): string {
  return `${kind} ${JSON.stringify(name)} in folder ${folderId}`;
}
