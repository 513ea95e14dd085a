import { openSync } from 'node:fs';
import { ConfinedPathError } from './confined-path.ts';
import { kindOf, openDirectory, openPlace, splitLast } from './confined.ts';
import { inodeOf } from './made-path.ts';

/** A named pipe of our making: its path below a root, and the inode that tells it from every other pipe. */
export type Fifo = { readonly path: string; readonly inode: string };

/** A named pipe cannot be made or used; `message` says which one, why and how to mend it. */
export class FifoError extends Error {
  override readonly name = 'FifoError';
}

/**
 * Opens the named pipe if it really still is the one that was made, whatever a hostile target put in its place. Gives
 * a bare descriptor, because a socket takes it over; the caller closes it. `flags` must keep the open from blocking
 * (O_NONBLOCK, or O_PATH to mark the place).
 */
export async function openFifo(root: string, { path, inode }: Fifo, flags: number): Promise<number> {
  const { parents, name } = splitLast(path);
  await using directory = await openDirectory(root, parents);
  await using place = await openPlace(directory, name, path);
  const stats = await place.stat();
  if (!stats.isFIFO()) throw new ConfinedPathError('unsafe', `${path} is ${kindOf(stats)}, not a named pipe`);
  if (inodeOf(await place.stat({ bigint: true })) !== inode) {
    throw new ConfinedPathError('unsafe', `${path} is not the named pipe that was made there`);
  }
  return reopenFifo(place.fd, flags);
}

/**
 * Opens the pipe behind a descriptor anew with other flags: what was checked is what is opened. It never blocks with
 * O_NONBLOCK, so it needs no thread and cannot be overtaken by a close.
 */
export function reopenFifo(descriptor: number, flags: number): number {
  return openSync(`/proc/self/fd/${descriptor}`, flags);
}
