import type { DockerRunSetSpec } from '../api/set/set-spec.ts';
import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { parseResource, type Resource } from '../girder/documents.ts';
import { namesOfPath, nearestResource, pathOfNames, resourceAt } from '../girder/lookup.ts';
import { checkWriteAccess, createFolders } from '../girder/upload/destination.ts';

/** The folders of a set; for place Input both are the same. */
export type Places = { readonly sourceId: string; readonly resultsId: string };

type FolderReference = { readonly id?: string | undefined; readonly path?: string | undefined };

/**
 * Looks up the folders of a set, and creates that of the results if the set asks for it.
 * @throws RunError GirderNotFound, GirderForbidden, InvalidSpec
 */
export async function findPlaces(
  client: GirderClient,
  { source, results }: DockerRunSetSpec,
  signal: AbortSignal,
): Promise<Places> {
  const sourceId = (await folderAt(client, source.folder, 'spec.source.folder', signal))._id;
  if (results.place === 'Input' || results.folder === undefined) {
    const folder = await folderWithId(client, sourceId, 'spec.source.folder', signal);
    await checkWriteAccess(client, folder, `folder ${sourceId}`, signal);
    return { sourceId, resultsId: sourceId };
  }
  const resultsId = await resultsFolder(client, results.folder, results.createFolder, signal);
  if (resultsId !== sourceId) return { sourceId, resultsId };
  const text = 'spec.results.folder is the folder of the inputs, whose names the results have';
  throw new RunError('InvalidSpec', `${text}; use another folder, or place: Input`);
}

async function resultsFolder(
  client: GirderClient,
  reference: FolderReference,
  mayCreate: boolean,
  signal: AbortSignal,
): Promise<string> {
  const field = 'spec.results.folder';
  const names = namesOfPath(reference.path ?? '');
  const isThere = reference.path === undefined || (await resourceAt(client, names, signal)) !== undefined;
  if (isThere || !mayCreate) {
    const folder = await folderAt(client, reference, field, signal);
    await checkWriteAccess(client, folder, `folder ${folder._id}`, signal);
    return folder._id;
  }
  const nearest = await nearestResource(client, names, signal);
  const kind = nearest?.resource.kind;
  if (nearest === undefined || (kind !== 'folder' && kind !== 'user' && kind !== 'collection')) {
    throw new RunError('GirderNotFound', `${field}: no part of ${pathOfNames(names)} exists in Girder`);
  }
  await checkWriteAccess(client, nearest.resource, `${kind} ${nearest.resource._id}`, signal);
  const parent = { kind, id: nearest.resource._id };
  return createFolders(client, { parent, names: names.slice(nearest.length) }, signal);
}

async function folderAt(
  client: GirderClient,
  { id, path = '' }: FolderReference,
  field: string,
  signal: AbortSignal,
): Promise<Resource> {
  if (id !== undefined) return folderWithId(client, id, field, signal);
  const found = await resourceAt(client, namesOfPath(path), signal);
  if (found?.kind === 'folder') return found;
  const what =
    found === undefined ? 'does not exist, or may not be read,' : `leads to a ${found.kind}, not a folder,`;
  throw new RunError('GirderNotFound', `${field}: ${path} ${what} in Girder ${client.apiUrl}`);
}

async function folderWithId(
  client: GirderClient,
  id: string,
  field: string,
  signal: AbortSignal,
): Promise<Resource> {
  const request = { method: 'GET', route: ['folder', id], subject: `folder ${id} (${field})` } as const;
  const ask = () => client.json({ ...request, signal, parse: parseResource });
  return client.inOneSession(ask, signal);
}
