import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { ConfinedPathError } from '../io/confined-path.ts';
import { inDirectory, openDirectory } from '../io/confined.ts';

/**
 * Removes the directory `name` in `root` with all that is in it; what is not there is no error. No link is followed,
 * and directories are moved up before they are emptied, so that neither depth nor the length of a path is a limit:
 * what is in there is a target's, and targets are hostile.
 */
export async function removeDirectory(root: string, name: string, signal?: AbortSignal): Promise<void> {
  try {
    await emptyDirectory(root, name, signal);
  } catch (error) {
    if (error instanceof ConfinedPathError && error.problem === 'missing') return;
    throw error;
  }
  await using parent = await openDirectory(root, []);
  await rmdir(inDirectory(parent, name));
}

async function emptyDirectory(root: string, name: string, signal: AbortSignal | undefined): Promise<void> {
  await using top = await openDirectory(root, [name]);
  const waiting = await unlinkFiles(top, top);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal?.throwIfAborted();
    {
      await using directory = await openDirectory(inDirectory(top, '.'), [next]);
      waiting.push(...(await unlinkFiles(directory, top)));
    }
    await rmdir(inDirectory(top, next));
  }
}

/** Deletes what is no directory, moves the directories into `top`, and gives the names that they have there. */
async function unlinkFiles(directory: FileHandle, top: FileHandle): Promise<string[]> {
  const moved: string[] = [];
  const place = inDirectory(directory, '');
  for (const entry of await readdir(place, { withFileTypes: true, encoding: 'buffer' })) {
    // Names are bytes: those that are no UTF-8 would not survive a string.
    const path = Buffer.concat([Buffer.from(place), entry.name]);
    if (entry.isDirectory()) {
      const name = randomUUID();
      await rename(path, inDirectory(top, name));
      moved.push(name);
    } else {
      await unlink(path);
    }
  }
  return moved;
}
