import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { downloadFile, type GirderSession, request } from './girder-session.ts';

const document = Type.Object({
  _id: Type.String(),
  name: Type.String(),
  meta: Type.Optional(Type.Unknown()),
});
const documents = Type.Array(document);

/** The id of the public collection with this name; creates it if it does not exist. */
export async function ensureCollection(
  session: GirderSession,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const all = await list(session, '/collection', signal);
  const existing = all.find((collection) => collection.name === name);
  return existing?._id ?? create(session, '/collection', { name, public: 'true' }, signal);
}

/** The id of the folder with this name in the collection; creates it if it does not exist. */
export function ensureFolder(
  session: GirderSession,
  { collectionId, name }: { collectionId: string; name: string },
  signal: AbortSignal,
): Promise<string> {
  const folder = { parentType: 'collection', parentId: collectionId, name, public: 'true' };
  return create(session, '/folder', { ...folder, reuseExisting: 'true' }, signal);
}

/** The id of the item with this name in the folder; creates it if it does not exist. */
export function ensureItem(
  session: GirderSession,
  { folderId, name }: { folderId: string; name: string },
  signal: AbortSignal,
): Promise<string> {
  return create(session, '/item', { folderId, name, reuseExisting: 'true' }, signal);
}

/** The id of the file with this name and content in the item; replaces a file with other content. */
export async function ensureFile(
  session: GirderSession,
  { itemId, name, content }: { itemId: string; name: string; content: Buffer },
  signal: AbortSignal,
): Promise<string> {
  const files = await filesOfItem(session, itemId, signal);
  for (const file of files.filter((candidate) => candidate.name === name)) {
    if (content.equals(await downloadFile(session, file._id, signal))) return file._id;
    await request(session, { method: 'DELETE', path: `/file/${file._id}` }, signal);
  }
  const query = { parentType: 'item', parentId: itemId, name, size: String(content.length) };
  const body = new Uint8Array(content);
  const response = await request(session, { method: 'POST', path: '/file', query, body }, signal);
  return idOf(await response.json());
}

export function filesOfItem(session: GirderSession, itemId: string, signal: AbortSignal) {
  return list(session, `/item/${itemId}/files`, signal);
}

/** With their metadata. */
export function itemsOfFolder(session: GirderSession, folderId: string, signal: AbortSignal) {
  return list(session, '/item', signal, { folderId });
}

async function list(
  session: GirderSession,
  path: string,
  signal: AbortSignal,
  which: Record<string, string> = {},
) {
  const query = { limit: '0', ...which };
  const response = await request(session, { method: 'GET', path, query }, signal);
  const body: unknown = await response.json();
  if (!Value.Check(documents, body))
    throw new Error(`Girder's response to ${path} is not a list of documents`);
  return body;
}

async function create(
  session: GirderSession,
  path: string,
  fields: Record<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const body = new URLSearchParams(fields);
  const response = await request(session, { method: 'POST', path, body }, signal);
  return idOf(await response.json());
}

function idOf(body: unknown): string {
  if (!Value.Check(document, body))
    throw new Error("Girder's response is not a document with an _id and a name");
  return body._id;
}
