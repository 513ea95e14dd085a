import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCollection, ensureFile, ensureFolder, ensureItem } from './girder-places.ts';
import type { GirderSession } from './girder-session.ts';

const name = 'coins.png';

/** The input of the demo in Girder, and the item for its results. */
export type Sample = { name: string; fileId: string; resultItemId: string };

/**
 * Uploads scikit-image's photograph of Greek coins from Pompeii to Girder, and creates an item for the
 * results.
 */
export async function putSample(
  session: GirderSession,
  packages: string,
  signal: AbortSignal,
): Promise<Sample> {
  const content = readFileSync(join(packages, 'skimage/data', name));
  const collectionId = await ensureCollection(session, 'DockerRun demo', signal);
  const folderId = await ensureFolder(session, { collectionId, name: 'Coins' }, signal);
  const itemId = await ensureItem(session, { folderId, name }, signal);
  const fileId = await ensureFile(session, { itemId, name, content }, signal);
  const resultItemId = await ensureItem(session, { folderId, name: 'coins found' }, signal);
  return { name, fileId, resultItemId };
}
