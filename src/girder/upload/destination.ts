import { metadataKeyProblem } from '../../api/fields.ts';
import type { IfExists } from '../../api/hooks.ts';
import { deadline, withGrace } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';
import type { Parameters } from '../api-url.ts';
import type { GirderClient } from '../client.ts';
import type { NewFolder } from '../lookup.ts';
import {
  type DocumentAccess,
  type NamedDocument,
  parseAccess,
  parseFiles,
  parseItem,
  parseNamed,
  parseNamedList,
  ignoreBody,
} from '../documents.ts';
import { findByName } from './start.ts';

/** An item or a folder to which results are uploaded. */
export type Destination = { readonly kind: 'item' | 'folder'; readonly id: string };

/** Girder's AccessType.WRITE. */
const writeLevel = 1;

/**
 * Checks before any upload that the user may write to a document, as far as Girder shows that. `subject` names it in
 * the message.
 * @throws RunError GirderForbidden
 */
export async function checkWriteAccess(
  client: GirderClient,
  { accessLevel, folderId }: DocumentAccess,
  subject: string,
  signal: AbortSignal,
): Promise<void> {
  const level = accessLevel ?? (await levelOfFolder(client, folderId, signal));
  if (level === undefined || level >= writeLevel) return;
  const text = `the credentials of the run have no write access to ${subject} in Girder ${client.apiUrl}`;
  throw new RunError('GirderForbidden', text);
}

/** An item has the access of its folder, and only the folder shows it. */
async function levelOfFolder(
  client: GirderClient,
  folderId: string | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (folderId === undefined) return undefined;
  const subject = `folder ${folderId}`;
  try {
    const route = ['folder', folderId];
    const folder = await client.jsonOnce({ method: 'GET', route, subject, signal, parse: parseAccess });
    return folder.accessLevel;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** A JSON object that is merged into an item's metadata; a null removes its key. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Call before an upload. @throws RunError InvalidSpec for a key that Girder does not store */
export function checkMetadata(metadata: Metadata = {}): void {
  const problem = metadataKeyProblem(metadata);
  if (problem !== undefined) throw new RunError('InvalidSpec', `the metadata cannot be stored: ${problem}`);
}

/**
 * Checks before the target starts that nothing has the name of a result that must not replace anything. The name
 * may still be taken until the upload, which checks it again.
 * @throws RunError FileExists
 */
export async function checkAbsent(
  client: GirderClient,
  { kind, id, name }: Destination & { readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  const found =
    kind === 'item'
      ? await findByName(client, { itemId: id, name }, signal)
      : await findItem(client, { folderId: id, name: name.trim() }, signal);
  if (found !== undefined) throw existsAlready({ kind, id, name });
}

/** Why an upload with `ifExists: Fail` fails. */
export function existsAlready({ kind, id, name }: Destination & { readonly name: string }): RunError {
  const what = kind === 'item' ? 'a file' : 'an item';
  return new RunError(
    'FileExists',
    `${kind} ${id} in Girder already has ${what} named ${JSON.stringify(name)}`,
  );
}

type NamedPlace = { readonly folderId: string; readonly name: string };

/** `isNew` is true when this call created the item, which then has no files. */
type ItemPlace = { readonly itemId: string; readonly isNew: boolean };

const discardTimeoutMs = 5_000;
const createGraceMs = 5_000;

/** The id of the subfolder with that name, which is created if it does not exist. */
export async function ensureFolder(
  client: GirderClient,
  { folderId, name }: NamedPlace,
  signal: AbortSignal,
): Promise<string> {
  const form = { parentType: 'folder', parentId: folderId, name, reuseExisting: 'true' };
  return createFolder(client, { form, subject: subjectOf({ folderId, name }, 'folder'), signal });
}

/** Creates the folders that do not exist by now. Returns the id of the last. */
export async function createFolders(
  client: GirderClient,
  { parent, names }: NewFolder,
  signal: AbortSignal,
): Promise<string> {
  let { kind: parentType, id: parentId }: NewFolder['parent'] = parent;
  for (const name of names) {
    const form = { parentType, parentId, name, reuseExisting: 'true' };
    const subject = `folder ${JSON.stringify(name)} in ${parentType} ${parentId}`;
    parentId = await createFolder(client, { form, subject, signal });
    parentType = 'folder';
  }
  return parentId;
}

/** What is known of an item, and what it gets when it is created. */
type NewItemFacts = {
  readonly ifExists?: IfExists | undefined;
  /** A list has just shown that there is none; one that comes meanwhile is taken. */
  readonly isAbsent?: boolean;
  readonly metadata?: Metadata;
};

/**
 * The item with that name in a folder, which is created if it does not exist; with NewItem one is created in any
 * case, and Girder gives it a free name.
 * @throws RunError FileExists with Fail
 */
export async function ensureItem(
  client: GirderClient,
  { folderId, name, ifExists, isAbsent = false, metadata }: NamedPlace & NewItemFacts,
  signal: AbortSignal,
): Promise<ItemPlace> {
  const subject = subjectOf({ folderId, name }, 'item');
  const isAdded = ifExists === 'NewItem';
  const found = isAdded || isAbsent ? undefined : await findItem(client, { folderId, name }, signal);
  if (found !== undefined && ifExists === 'Fail') throw existsAlready({ kind: 'folder', id: folderId, name });
  if (found !== undefined) return { itemId: found._id, isNew: false };
  const form = {
    ...{ folderId, name, reuseExisting: String(!isAdded) },
    ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
  };
  // Without the response to its creation, an empty item would stay.
  const item = await withGrace(signal, createGraceMs, (lingering) =>
    client.json({ method: 'POST', route: ['item'], form, subject, signal: lingering, parse: parseItem }),
  );
  // Girder does not say whether it has created or reused an item; another client's may have files by now.
  const { _id: itemId, size = 0 } = item;
  if (isAdded || item.name === name) return { itemId, isNew: isAdded || size === 0 };
  // Girder gives an item another name when a folder has its name.
  await discardItem(client, item._id);
  throw new RunError(
    'UploadFailed',
    `cannot create ${subject}: Girder names it ${JSON.stringify(item.name)}`,
  );
}

/** The first item with that name in a folder. */
async function findItem(
  client: GirderClient,
  { folderId, name }: NamedPlace,
  signal: AbortSignal,
): Promise<NamedDocument | undefined> {
  const query = { folderId, name, limit: 1, sort: '_id' };
  const subject = `folder ${folderId}`;
  const found = await client.json({
    method: 'GET',
    route: ['item'],
    query,
    subject,
    signal,
    parse: parseNamedList,
  });
  return found[0];
}

/** Deletes an item that was created for a failed upload, unless it has a file: best effort. */
export async function discardItem(client: GirderClient, itemId: string): Promise<void> {
  const common = { subject: `item ${itemId}`, signal: deadline(discardTimeoutMs) };
  try {
    const route = ['item', itemId];
    const files = await client.json({
      method: 'GET',
      route: [...route, 'files'],
      query: { limit: 1 },
      ...common,
      parse: parseFiles,
    });
    if (files.length === 0) await client.json({ method: 'DELETE', route, ...common, parse: ignoreBody });
  } catch {
    // An empty item does little harm; the user must see why the upload failed.
  }
}

/** Merges metadata into an item, replacing existing keys. */
export async function addMetadata(
  client: GirderClient,
  itemId: string,
  metadata: Metadata = {},
  signal: AbortSignal,
): Promise<void> {
  if (Object.keys(metadata).length === 0) return;
  const form = { metadata: JSON.stringify(metadata) };
  const subject = `the metadata of item ${itemId}`;
  await client.json({ method: 'PUT', route: ['item', itemId], form, subject, signal, parse: ignoreBody });
}

/** Returns the id of the folder. */
async function createFolder(
  client: GirderClient,
  request: { form: Parameters; subject: string; signal: AbortSignal },
): Promise<string> {
  return (await client.json({ method: 'POST', route: ['folder'], ...request, parse: parseNamed }))._id;
}

function subjectOf({ folderId, name }: NamedPlace, kind: string): string {
  return `${kind} ${JSON.stringify(name)} in folder ${folderId}`;
}
