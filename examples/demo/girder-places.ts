import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { downloadFile, type GirderSession, request } from './girder-session.ts';

const document = Type.Object({ _id: Type.String(), name: Type.String() });
const documents = Type.Array(document);

/** The id of the collection of that name, which is made when it is missing; everybody may look into it. */
export async function ensureCollection(
  session: GirderSession,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const all = await list(session, '/collection', signal);
  const existing = all.find((collection) => collection.name === name);
  return existing?._id ?? create(session, '/collection', { name, public: 'true' }, signal);
}

/** The id of the folder of that name in a collection. */
export function ensureFolder(
  session: GirderSession,
  { collectionId, name }: { collectionId: string; name: string },
  signal: AbortSignal,
): Promise<string> {
  const folder = { parentType: 'collection', parentId: collectionId, name, public: 'true' };
  return create(session, '/folder', { ...folder, reuseExisting: 'true' }, signal);
}

/** The id of the item of that name in a folder. */
export function ensureItem(
  session: GirderSession,
  { folderId, name }: { folderId: string; name: string },
  signal: AbortSignal,
): Promise<string> {
  return create(session, '/item', { folderId, name, reuseExisting: 'true' }, signal);
}

/** The id of the file of that name and content in an item; one of another content is replaced. */
export async function ensureFile(
  session: GirderSession,
  { itemId, name, content }: { itemId: string; name: string; content: Buffer },
  signal: AbortSignal,
): Promise<string> {
  const files = await list(session, `/item/${itemId}/files`, signal);
  for (const file of files.filter((candidate) => candidate.name === name)) {
    if (content.equals(await downloadFile(session, file._id, signal))) return file._id;
    await request(session, { method: 'DELETE', path: `/file/${file._id}` }, signal);
  }
  const query = { parentType: 'item', parentId: itemId, name, size: String(content.length) };
  const body = new Uint8Array(content);
  const response = await request(session, { method: 'POST', path: '/file', query, body }, signal);
  return idOf(await response.json());
}

async function list(session: GirderSession, path: string, signal: AbortSignal) {
  const response = await request(session, { method: 'GET', path, query: { limit: '0' } }, signal);
  const answer: unknown = await response.json();
  if (!Value.Check(documents, answer)) throw new Error(`Girder's answer to ${path} is no list of documents`);
  return answer;
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

function idOf(answer: unknown): string {
  if (!Value.Check(document, answer))
    throw new Error("Girder's answer is no document with an _id and a name");
  return answer._id;
}
