import { parse } from 'yaml';
import { isRecord, textOf } from '../../src/api/json-values.ts';
import { recordAt } from '../../src/kube/json.ts';
import { printLine } from '../../test/cluster/progress.ts';
import {
  cutPictures,
  makeContactSheet,
  type PictureFolders,
  pictureFolders,
  pictureResults,
  putPictures,
  removePictures,
} from './coin-pictures.ts';
import { followSet } from './follow-set.ts';
import type { GirderSession } from './girder-session.ts';
import { demoNamespace, kubectl } from './kubectl.ts';
import { readManifest } from './manifest.ts';
import type { Timetable } from './timetable.ts';

const added = 2;
const deleteMs = 60_000;

/** What the summary shows of the set. */
export type ShownSet = { pictures: number; before: number; added: number; sheet: string; folderId: string };

type Parts = { session: GirderSession; packages: string; image: string; times: Timetable };

/**
 * Applies a set over a folder with 30 pictures and waits until all are done, then adds two and waits again. Pictures
 * that an earlier demo has done are not done again. Rejects unless exactly the two have new receipts after that.
 */
export async function showSet(parts: Parts, signal: AbortSignal): Promise<ShownSet> {
  const { session, packages, image, times } = parts;
  const folders = await pictureFolders(session, signal);
  const pictures = await times.measure('pictures into Girder', async () => {
    const paths = await cutPictures(packages, signal);
    await removePictures(session, folders, paths.slice(-added), signal);
    await putPictures(session, folders, paths.slice(0, -added), signal);
    return paths;
  });
  const before = (await pictureResults(session, folders, signal)).length;
  const name = await applySet(readManifest('segment-set.yaml', values(image, session)), signal);
  try {
    const first = pictures.length - added;
    await times.measure(`set over ${first} pictures`, () => followSet(name, first, signal));
    printLine(`${added} more pictures come into the folder`);
    await times.measure(`${added} more pictures`, () =>
      addPictures({ ...parts, folders, name, paths: pictures }, signal),
    );
  } finally {
    await deleteSet(name);
  }
  const results = await pictureResults(session, folders, signal);
  const sheet = await makeContactSheet(session, { packages, results }, signal);
  return { pictures: results.length, before, added, sheet, folderId: folders.resultsId };
}

function values(image: string, { apiUrl }: GirderSession) {
  return { IMAGE: image, GIRDER_API_URL: apiUrl };
}

async function applySet(manifest: string, signal: AbortSignal): Promise<string> {
  const set: unknown = parse(manifest);
  const name = isRecord(set) ? textOf(recordAt(set, 'metadata')['name']) : undefined;
  if (name === undefined) throw new TypeError('the manifest has no name');
  // An earlier demo may have been interrupted.
  await kubectl(['delete', 'dockerrunset', name, '--ignore-not-found'], signal);
  await kubectl(['create', '--filename=-'], signal, manifest);
  printLine(`created: kubectl -n ${demoNamespace} get dockerrunset ${name}`);
  return name;
}

async function addPictures(
  {
    session,
    folders,
    name,
    paths,
  }: Parts & { folders: PictureFolders; name: string; paths: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const old = await pictureResults(session, folders, signal);
  await putPictures(session, folders, paths.slice(-added), signal);
  await followSet(name, paths.length, signal);
  const known = new Map(old.map((result) => [result.itemId, result.receipt.finishedAt]));
  const results = await pictureResults(session, folders, signal);
  const made = results.filter(({ itemId, receipt }) => known.get(itemId) !== receipt.finishedAt);
  if (made.length !== added || results.length !== paths.length)
    throw new Error(
      `${made.length} pictures were done for ${added} new ones: ${made.map((one) => one.name).join(', ')}`,
    );
  for (const { name: picture, receipt } of made) printLine(`  ${picture}: done by ${receipt.run}`);
}

/** The results stay in Girder. */
async function deleteSet(name: string): Promise<void> {
  await kubectl(['delete', 'dockerrunset', name, '--ignore-not-found'], AbortSignal.timeout(deleteMs));
}
