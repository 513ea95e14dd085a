import type { IfExists } from '../../api/hooks.ts';
import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { ignoreBody } from '../documents.ts';

/** A file or an item that Girder has acknowledged. */
type Acknowledged = {
  readonly kind: 'file' | 'item';
  readonly id: string;
  readonly ifExists?: IfExists | undefined;
  readonly signal: AbortSignal;
};

/**
 * Work on a result that is in Girder. A plugin may take a new item for its input and delete it, even in the request that
 * completes it; its result is then what the plugin made of it, so that with NewItem this is no failure. Resolves to
 * undefined if the result is gone.
 */
export async function unlessTaken<Found>(
  client: GirderClient,
  result: Acknowledged,
  work: Promise<Found>,
): Promise<Found | undefined> {
  try {
    return await work;
  } catch (error) {
    if (result.ifExists !== 'NewItem' || !(error instanceof RunError)) throw error;
    if (error.reason !== 'GirderNotFound' && error.reason !== 'GirderRefused') throw error;
    if (await exists(client, result)) throw error;
    const { kind, id } = result;
    client.log?.warn({ [kind]: id }, `a result was deleted in Girder right after its upload`);
    return undefined;
  }
}

/** Girder refuses a change of what it does not have with the same status as any other mistake. */
async function exists(client: GirderClient, { kind, id, signal }: Acknowledged): Promise<boolean> {
  const request = { method: 'GET', route: [kind, id], subject: `${kind} ${id}`, signal } as const;
  try {
    await client.json({ ...request, parse: ignoreBody });
    return true;
  } catch (error) {
    if (error instanceof RunError && error.reason === 'GirderNotFound') return false;
    throw error;
  }
}
