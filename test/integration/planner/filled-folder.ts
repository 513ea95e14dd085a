import { join } from 'node:path';
import { girderVenv } from '../../cluster/install/girder-venv.ts';
import { layout } from '../../cluster/layout.ts';
import { endpoints } from '../../cluster/network.ts';
import { succeed } from '../../e2e/support/shell.ts';
import type { PlannedSet } from './planned-set.ts';

type Filling = { readonly count: number; readonly receipt?: unknown };

/** Puts items into the source of a set without Girder's API, each with a result if there is a receipt; until disposal. */
export async function fillFolder(
  { sourceId: folderId, resultsId }: Pick<PlannedSet, 'sourceId' | 'resultsId'>,
  filling: Filling,
): Promise<AsyncDisposable> {
  await fill({ folderId, resultsId, ...filling });
  return { [Symbol.asyncDispose]: () => fill({ folderId, resultsId, count: 0 }) };
}

async function fill(
  wanted: Filling & { readonly folderId: string; readonly resultsId: string },
): Promise<void> {
  const { host, port } = endpoints.mongo;
  const database = `GIRDER_MONGO_URI=mongodb://${host}:${port}/girder`;
  const script = join(layout.recipes, 'girder', 'fill-folder.py');
  await succeed('env', [database, join(girderVenv(), 'bin', 'python'), script], {
    input: JSON.stringify(wanted),
  });
}
