import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { parseAccess } from '../documents.ts';

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
