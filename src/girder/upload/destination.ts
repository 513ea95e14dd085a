import { metadataKeyProblem } from '../../api/fields.ts';
import { deadline, withGrace } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import type { Parameters } from '../api-url.ts';
import type { GirderClient } from '../client.ts';
import {
  type NamedDocument,
  parseAccess,
  parseFiles,
  parseNamed,
  parseNamedList,
  parseNothing,
} from '../documents.ts';

/** Where something of a name belongs in Girder. */
type NamedPlace = { readonly folderId: string; readonly name: string };

/** An item, and whether it was made for this. */
type ItemPlace = { readonly itemId: string; readonly isNew: boolean };

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

/** An item or a folder that is to get results. */
export type Destination = { readonly kind: 'item' | 'folder'; readonly id: string };

/** Girder's AccessType.WRITE. */
const writeLevel = 1;

/**
 * Sees that a destination is there, and that the user may write to it, as far as Girder tells before anything is sent.
 * @throws RunError GirderNotFound, GirderForbidden, or why Girder cannot be asked
 */
export async function checkDestination(
  client: GirderClient,
  { kind, id }: Destination,
  signal: AbortSignal,
): Promise<void> {
  const subject = `${kind} ${id}`;
  const { accessLevel, folderId } = await client.json({
    method: 'GET',
    route: [kind, id],
    subject,
    signal,
    parse: parseAccess,
  });
  const level = accessLevel ?? (await levelOfFolder(client, folderId, signal));
  if (level === undefined || level >= writeLevel) return;
  const text = `the credentials of the run give no write access to ${subject} in Girder ${client.apiUrl}`;
  throw new RunError('GirderForbidden', text);
}

/** An item has the access of its folder, and only that tells it. */
async function levelOfFolder(
  client: GirderClient,
  folderId: string | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (folderId === undefined) return undefined;
  const subject = `folder ${folderId}`;
  try {
    const ask = { method: 'GET', route: ['folder', folderId], subject, signal, parse: parseAccess } as const;
    return (await client.jsonOnce(ask)).accessLevel;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** A JSON object that becomes part of an item's metadata; a null removes its key. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Fails for keys that Girder does not store, before anything is uploaded. */
export function checkMetadata(metadata: Metadata = {}): void {
  const problem = metadataKeyProblem(metadata);
  if (problem !== undefined) throw new RunError('InvalidSpec', `the metadata cannot be stored: ${problem}`);
}

/** Adds metadata to an item; keys that it has already are replaced. */
export async function addMetadata(
  client: GirderClient,
  itemId: string,
  metadata: Metadata = {},
  signal: AbortSignal,
): Promise<void> {
  if (Object.keys(metadata).length === 0) return;
  const form = { metadata: JSON.stringify(metadata) };
  const subject = `the metadata of item ${itemId}`;
  await client.json({ method: 'PUT', route: ['item', itemId], form, subject, signal, parse: parseNothing });
}
