import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { FileSink } from '../../io/byte-sink.ts';
import {
  type CreatedPath,
  inodeOf,
  ownNamePrefix,
  publishFile,
  publishInDirectory,
  refuseExisting,
} from '../../io/confined-change.ts';
import {
  createFile,
  createInDirectory,
  makeDirectories,
  openDirectory,
  splitLast,
} from '../../io/confined.ts';
import { doConcurrently } from '../../support/task-group.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import type { TransferOptions } from '../tree-transfer.ts';
import { streamFile } from './stream-file.ts';

/**
 * The paths that a download has created so far, in order; `onCreate` gets each one just before it is created.
 * A caller that removes them itself (`isUndoneByCaller`) saves the memory of the list.
 */
export class CreatedPaths {
  readonly #paths = new Set<CreatedPath>();
  readonly #onCreate: ((made: CreatedPath) => void) | undefined;
  readonly #isListed: boolean;

  constructor(onCreate: ((made: CreatedPath) => void) | undefined, isUndoneByCaller = false) {
    this.#onCreate = onCreate;
    this.#isListed = !isUndoneByCaller;
  }

  note(made: CreatedPath): void {
    this.#onCreate?.(made);
    if (this.#isListed) this.#paths.add(made);
  }

  /** Call when a noted path does not have to be removed any more. */
  forget(made: CreatedPath): void {
    this.#paths.delete(made);
  }

  list(): CreatedPath[] {
    return [...this.#paths];
  }
}

/** For a target that runs as any user. */
const directoryMode = 0o777;
const fileMode = 0o644;
/** As many as libuv has threads for the file system. */
const writesAtOnce = 4;

function temporaryName(): string {
  return `${ownNamePrefix}${randomUUID()}.part`;
}

/** Creates a directory below `into`, with its parents, where they do not exist. */
export function ensureDirectory(
  into: string,
  segments: readonly string[],
  made: CreatedPaths,
): Promise<void> {
  return makeDirectories(into, segments, directoryMode, (path) => made.note({ path }));
}

/**
 * Downloads a file to a path below `into`, which appears only when it is complete. Returns its size in bytes.
 */
export async function placeFile(
  client: GirderClient,
  file: GirderFile,
  { into, relativePath, made }: { into: string; relativePath: string; made: CreatedPaths },
  options: TransferOptions,
): Promise<number> {
  const { parents } = splitLast(relativePath);
  await ensureDirectory(into, parents, made);
  await refuseExisting(into, relativePath);
  const temporary = { path: [...parents, temporaryName()].join('/') };
  made.note(temporary);
  const { size, inode } = await download(client, file, { into, temporary: temporary.path }, options);
  made.note({ path: relativePath, inode });
  await publishFile(into, temporary.path, relativePath, (reserved) => made.note(reserved));
  made.forget(temporary);
  return size;
}

/** Files of one directory, of which all bytes are in memory. */
export type SmallFile = { readonly name: string; readonly bytes: Buffer };

/** Like {@link placeFile}, for many files in one directory below `into`, which exists. */
export async function placeSmallFiles<T extends SmallFile>(
  { into, segments, made }: { into: string; segments: readonly string[]; made: CreatedPaths },
  files: readonly T[],
  { signal, onPlaced }: { signal: AbortSignal; onPlaced: (file: T) => void },
): Promise<void> {
  await using directory = await openDirectory(into, segments);
  const place = async (file: T) => {
    const path = [...segments, file.name].join('/');
    const temporary = { path: [...segments, temporaryName()].join('/') };
    made.note(temporary);
    made.note({ path, inode: await createSmallFile(directory, temporary.path, file.bytes) });
    await publishInDirectory(directory, temporary.path, path, (reserved) => made.note(reserved));
    made.forget(temporary);
    onPlaced(file);
  };
  await doConcurrently(
    files.map((file) => () => place(file)),
    { limit: writesAtOnce, signal },
  );
}

/** Returns the file's inode. */
async function createSmallFile(directory: FileHandle, path: string, bytes: Buffer): Promise<string> {
  await using handle = await createInDirectory(directory, splitLast(path).name, path);
  await handle.chmod(fileMode);
  const sink = new FileSink(handle);
  await sink.write(bytes);
  return inodeOf(await handle.stat({ bigint: true }));
}

async function download(
  client: GirderClient,
  file: GirderFile,
  { into, temporary }: { into: string; temporary: string },
  options: TransferOptions,
): Promise<{ size: number; inode: string }> {
  await using handle = await createFile(into, temporary, fileMode);
  const sink = new FileSink(handle);
  try {
    const { bytes } = await streamFile(client, file, sink, options);
    return { size: bytes, inode: inodeOf(await handle.stat({ bigint: true })) };
  } finally {
    // Also after a failure: no write may be under way when the handle is closed.
    await sink.flush();
  }
}
