import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCollection, ensureFile, ensureFolder, ensureItem } from './girder-places.ts';
import type { GirderSession } from './girder-session.ts';

const name = 'coins.png';

/** Where the input of the demo is in Girder, and the item that is to get its results. */
export type Sample = { name: string; fileId: string; resultItemId: string };

/** Puts scikit-image's photograph of Greek coins from Pompeii into Girder, and an item for what is found in it. */
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
