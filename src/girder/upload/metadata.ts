import { metadataKeyProblem } from '../../api/metadata-keys.ts';
import { RunError } from '../../support/errors.ts';
import type { GirderClient } from '../client.ts';
import { parseNothing } from '../documents.ts';

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
