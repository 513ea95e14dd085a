import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { openSync } from 'node:fs';
import { chmod, type FileHandle } from 'node:fs/promises';
import { describe, errorCode } from '../support/errors.ts';
import {
  type CreatedPath,
  inodeOf,
  ownNamePrefix,
  publishFile,
  refuseExisting,
  removePath,
} from './confined-change.ts';
import {
  ConfinedPathError,
  kindOf,
  makeDirectories,
  openDirectory,
  openPlace,
  splitLast,
} from './confined.ts';

/** A named pipe that we created: its path below a root, and the inode that identifies it. */
export type Fifo = { readonly path: string; readonly inode: string };

/** A named pipe cannot be created or used; `message` says which one, why, and how to fix it. */
export class FifoError extends Error {
  override readonly name = 'FifoError';
}

/** The target can reach the pipe and open it as any user. */
const directoryMode = 0o777;
const fifoMode = 0o666;

/** mkfifo takes a millisecond or two; a volume that hangs for this long will not recover. */
const deadlineMs = 10_000;

/**
 * Creates a named pipe below `root` with exactly mode 0666, and its parents with 0777, whatever the umask.
 * Links are not followed and no entry is ever replaced. `onCreate` receives every path before it is created,
 * and the inode of the pipe before the pipe gets its name, so that leftovers of a killed run are recognised.
 */
export async function makeFifo(
  root: string,
  relativePath: string,
  onCreate?: (made: CreatedPath) => void,
): Promise<Fifo> {
  const { parents } = splitLast(relativePath);
  await makeDirectories(root, parents, directoryMode, (path) => onCreate?.({ path }));
  await refuseExisting(root, relativePath);
  const temporary = [...parents, `${ownNamePrefix}${randomUUID()}.fifo`].join('/');
  onCreate?.({ path: temporary });
  try {
    const fifo = { path: relativePath, inode: await makeNode(root, temporary, relativePath) };
    onCreate?.(fifo);
    await publishFile(root, temporary, relativePath, onCreate);
    return fifo;
  } catch (error) {
    await removePath(root, { path: temporary }).catch(() => false);
    throw error;
  }
}

async function makeNode(root: string, temporary: string, relativePath: string): Promise<string> {
  const { parents, name } = splitLast(temporary);
  await using directory = await openDirectory(root, parents);
  const failure = await runMkfifo(directory, name);
  if (failure !== undefined) {
    throw new FifoError(`the named pipe ${relativePath} cannot be created in ${root}: ${failure}`);
  }
  await using place = await openPlace(directory, name, temporary);
  const stats = await place.stat({ bigint: true });
  if (!stats.isFIFO()) throw new FifoError(`${relativePath} was replaced while it was created in ${root}`);
  // Programs differ in whether a default ACL or the umask wins.
  if ((stats.mode & 0o777n) !== BigInt(fifoMode)) await chmod(`/proc/self/fd/${place.fd}`, fifoMode);
  return inodeOf(stats);
}

/** Node cannot create a pipe. mkfifo inherits the directory as descriptor 3, so no link can mislead it. */
function runMkfifo(directory: FileHandle, name: string): Promise<string | undefined> {
  const child = spawn('mkfifo', ['-m', fifoMode.toString(8), `/proc/self/fd/3/${name}`], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', directory.fd],
    signal: AbortSignal.timeout(deadlineMs),
    killSignal: 'SIGKILL',
  });
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => (text = (text + piece).slice(-500)));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(startFailure(error)));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : endFailure(text, code ?? signal)));
  });
}

function startFailure(error: Error): string {
  if (error.name === 'AbortError') {
    return `mkfifo took more than ${deadlineMs / 1000} s; check that the volume responds`;
  }
  if (errorCode(error) !== 'ENOENT') return `mkfifo cannot be started: ${describe(error)}`;
  return 'the program mkfifo is missing; install coreutils or busybox where the worker runs';
}

function endFailure(text: string, end: number | string | null): string {
  const reported = text.trim().split(': ').at(-1);
  return `mkfifo failed with "${reported}" (${end}); the volume must be writable and support named pipes`;
}

/**
 * Opens the named pipe only if it is still the one that was created, whatever a hostile target put in its
 * place. Returns a bare descriptor, because a socket takes it over; the caller closes it. `flags` must keep
 * the open from blocking (O_NONBLOCK, or O_PATH to mark the place).
 */
export async function openFifo(root: string, { path, inode }: Fifo, flags: number): Promise<number> {
  const { parents, name } = splitLast(path);
  await using directory = await openDirectory(root, parents);
  await using place = await openPlace(directory, name, path);
  const stats = await place.stat();
  if (!stats.isFIFO()) throw new ConfinedPathError('unsafe', `${path} is ${kindOf(stats)}, not a named pipe`);
  if (inodeOf(await place.stat({ bigint: true })) !== inode) {
    throw new ConfinedPathError('unsafe', `${path} is not the named pipe that was created there`);
  }
  return reopenFifo(place.fd, flags);
}

/**
 * Opens the pipe behind a descriptor again with other flags: what was checked is what is opened. With
 * O_NONBLOCK it never blocks, so it needs no thread, and no close can happen in between.
 */
export function reopenFifo(descriptor: number, flags: number): number {
  return openSync(`/proc/self/fd/${descriptor}`, flags);
}
