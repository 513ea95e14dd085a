import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isRecord } from '../../src/api/json-values.ts';
import { parseReceipt, type Receipt, receiptKey } from '../../src/api/set/receipt.ts';
import { capture } from '../../test/cluster/command.ts';
import { layout } from '../../test/cluster/layout.ts';
import {
  ensureCollection,
  ensureFile,
  ensureFolder,
  ensureItem,
  filesOfItem,
  itemsOfFolder,
} from './girder-places.ts';
import { downloadFile, type GirderSession, request } from './girder-session.ts';

/** In examples/segment-set.yaml. */
const names = { source: 'Coin by coin', results: 'Coin by coin, found' } as const;

const directory = join(layout.checkout, '.demo');

/** The folders of the set in Girder. */
export type PictureFolders = { sourceId: string; resultsId: string };

/** What one input has become. */
export type PictureResult = { itemId: string; name: string; receipt: Receipt };

/** Creates the folders if they do not exist. */
export async function pictureFolders(session: GirderSession, signal: AbortSignal): Promise<PictureFolders> {
  const collectionId = await ensureCollection(session, 'DockerRun demo', signal);
  const sourceId = await ensureFolder(session, { collectionId, name: names.source }, signal);
  const resultsId = await ensureFolder(session, { collectionId, name: names.results }, signal);
  return { sourceId, resultsId };
}

/** Cuts 32 pictures out of scikit-image's photograph of coins, and returns their paths. */
export async function cutPictures(packages: string, signal: AbortSignal): Promise<string[]> {
  const pictures = join(directory, 'coins');
  await python(packages, ['cut', join(packages, 'skimage/data/coins.png'), pictures], signal);
  return readdirSync(pictures)
    .toSorted()
    .map((name) => join(pictures, name));
}

/** Uploads pictures to the source folder, each as an item; equal ones stay as they are. */
export async function putPictures(
  session: GirderSession,
  { sourceId: folderId }: PictureFolders,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const path of paths) {
    const name = basename(path);
    const itemId = await ensureItem(session, { folderId, name }, signal);
    await ensureFile(session, { itemId, name, content: readFileSync(path) }, signal);
  }
}

/** Deletes pictures of these paths and their results, which an earlier demo has left. */
export async function removePictures(
  session: GirderSession,
  { sourceId, resultsId }: PictureFolders,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const removed = paths.map((path) => basename(path));
  for (const folderId of [sourceId, resultsId]) {
    const items = await itemsOfFolder(session, folderId, signal);
    for (const { _id } of items.filter(({ name }) => removed.includes(name)))
      await request(session, { method: 'DELETE', path: `/item/${_id}` }, signal);
  }
}

/** The results that have a receipt which says Succeeded, by the name of the input. */
export async function pictureResults(
  session: GirderSession,
  { resultsId }: PictureFolders,
  signal: AbortSignal,
): Promise<PictureResult[]> {
  const items = await itemsOfFolder(session, resultsId, signal);
  return items.flatMap(({ _id: itemId, name, meta }) => {
    const receipt = isRecord(meta) ? parseReceipt(meta[receiptKey]) : undefined;
    return receipt?.state === 'Succeeded' ? [{ itemId, name, receipt }] : [];
  });
}

/** Downloads the picture of each result, and puts all of them on one sheet, whose path it returns. */
export async function makeContactSheet(
  session: GirderSession,
  { packages, results }: { packages: string; results: readonly PictureResult[] },
  signal: AbortSignal,
): Promise<string> {
  const found = join(directory, 'found');
  rmSync(found, { recursive: true, force: true });
  mkdirSync(found, { recursive: true });
  for (const { itemId, name } of results) {
    const files = await filesOfItem(session, itemId, signal);
    const picture = files.find((file) => file.name === 'found.png');
    if (picture === undefined) throw new Error(`the result of ${name} has no found.png`);
    writeFileSync(join(found, name), await downloadFile(session, picture._id, signal));
  }
  const sheet = join(directory, 'coin-by-coin.png');
  await python(packages, ['sheet', found, sheet], signal);
  return sheet;
}

/** With this machine's own Python and the packages of the target. */
async function python(packages: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const script = join(import.meta.dirname, 'pictures.py');
  const environment = ['env', `PYTHONPATH=${packages}`, 'PYTHONDONTWRITEBYTECODE=1'];
  const [program = '', ...rest] = [...environment, '/usr/bin/python3', script, ...args];
  await capture(program, rest, signal);
}
