import { createHash } from 'node:crypto';
import { environment } from './environment.ts';

const api = () => environment('GIRDER_API_URL');
let token: Promise<string> | undefined;

/** The admin's token; a test file logs in once. */
export function session(): Promise<string> {
  token ??= logIn();
  return token;
}

async function logIn(): Promise<string> {
  const body = new URLSearchParams({ key: environment('GIRDER_API_KEY') });
  const response = await fetch(`${api()}/api_key/token`, { method: 'POST', body });
  const answer = (await response.json()) as { authToken: { token: string } };
  return answer.authToken.token;
}

/** Sends a request to Girder as the admin; throws on an HTTP error. */
export async function girder<Answer>(method: string, route: string, body?: Uint8Array): Promise<Answer> {
  const headers = { 'Girder-Token': await session(), 'Content-Type': 'application/octet-stream' };
  const response = await fetch(`${api()}/${route}`, {
    method,
    headers,
    body: body ?? (method === 'GET' ? null : ''),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

type Document = { _id: string; name: string };

/** The tests' own folder. */
async function ownFolder(): Promise<string> {
  const me = await girder<Document>('GET', 'user/me');
  const query = `parentType=user&parentId=${me._id}&name=dockerrun-tests&reuseExisting=true`;
  return (await girder<Document>('POST', `folder?${query}`))._id;
}

/** Creates a folder in the tests' own folder, or in the given one; returns its id. */
export async function aFolder(name: string, parent?: string): Promise<string> {
  const parentId = parent ?? (await ownFolder());
  const query = `parentType=folder&parentId=${parentId}&name=${encodeURIComponent(name)}&reuseExisting=true`;
  return (await girder<Document>('POST', `folder?${query}`))._id;
}

/** Creates an item in the tests' own folder; returns its id. */
export async function anItem(name: string): Promise<string> {
  return anItemIn(await ownFolder(), name);
}

async function anItemIn(folderId: string, name: string): Promise<string> {
  const query = `folderId=${folderId}&name=${encodeURIComponent(name)}`;
  return (await girder<Document>('POST', `item?${query}`))._id;
}

/** Creates a file with these bytes in an item of its own; returns the id of the file. */
export async function aFile(name: string, bytes: Uint8Array): Promise<string> {
  return aFileIn(await ownFolder(), name, bytes);
}

/** As {@link aFile}, in an item of a folder. */
export async function aFileIn(folderId: string, name: string, bytes: Uint8Array): Promise<string> {
  const item = await anItemIn(folderId, name);
  const query = `parentType=item&parentId=${item}&name=${encodeURIComponent(name)}&size=${bytes.length}`;
  return (await girder<Document>('POST', `file?${query}`, bytes))._id;
}

export function filesOf(itemId: string): Promise<{ _id: string; name: string; size: number }[]> {
  return girder('GET', `item/${itemId}/files`);
}

export async function download(fileId: string): Promise<Buffer> {
  const response = await fetch(`${api()}/file/${fileId}/download`, {
    headers: { 'Girder-Token': await session() },
  });
  return Buffer.from(await response.arrayBuffer());
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
