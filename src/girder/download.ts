import { randomUUID } from 'node:crypto';
import { ConfinedPathError } from '../io/confined-path.ts';
import { publishFile, refuseExisting, removePath } from '../io/confined-change.ts';
import { createFile, makeDirectories, splitLast } from '../io/confined.ts';
import { FileSink } from '../io/file-sink.ts';
import { inodeOf, type MadePath, ownNamePrefix } from '../io/made-path.ts';
import { errorCode, RunError } from '../support/errors.ts';
import type { GirderClient } from './client.ts';
import type { GirderFile } from './documents.ts';
import { safeFileName } from './names.ts';
import { describeFile, streamFile, type TransferOptions } from './stream-file.ts';

/** Which file goes where: to `filename` below the directory `into`, or else to `<fileId>/<its name in Girder>`. */
export type DownloadTarget = {
  readonly fileId: string;
  readonly into: string;
  readonly filename?: string | undefined;
};

/** `onCreate` hears each path below `into` before it is made, so that a killed run's leftovers can be found. */
export type DownloadOptions = TransferOptions & { readonly onCreate?: (made: MadePath) => void };

/** A complete file; `created` lists what was made below `into`, in order, for removeDownload. */
export type Downloaded = {
  readonly relativePath: string;
  readonly name: string;
  readonly size: number;
  readonly created: readonly MadePath[];
};

/** Readable and writable for whatever user the target runs as. */
const directoryMode = 0o777;
const fileMode = 0o644;

/** Downloads a file; it gets its name only when it is complete, and after a failure nothing of it is left. */
export async function downloadFile(
  client: GirderClient,
  target: DownloadTarget,
  options: DownloadOptions,
): Promise<Downloaded> {
  const created: MadePath[] = [];
  const subject = `file ${target.fileId}`;
  try {
    return await place(client, target, options, created);
  } catch (error) {
    await removeDownload(target.into, created);
    options.signal.throwIfAborted();
    throw explain(error, subject, target.into);
  }
}

/** Removes what a download made, but nothing that somebody else put beside it; tells what had to stay. */
export async function removeDownload(into: string, created: readonly MadePath[]): Promise<string[]> {
  const kept = new Set<string>();
  for (const made of created.toReversed()) {
    const isGone = await removePath(into, made).catch(() => false);
    if (isGone) kept.delete(made.path);
    else kept.add(made.path);
  }
  return [...kept];
}

async function place(
  client: GirderClient,
  { fileId, into, filename }: DownloadTarget,
  options: DownloadOptions,
  created: MadePath[],
): Promise<Downloaded> {
  const file = await describeFile(client, fileId, options.signal);
  const relativePath = filename ?? `${fileId}/${safeFileName(file.name)}`;
  const { parents } = splitLast(relativePath);
  const note = (made: MadePath) => {
    options.onCreate?.(made);
    created.push(made);
  };
  await makeDirectories(into, parents, directoryMode, (path) => note({ path }));
  await refuseExisting(into, relativePath);
  const temporary = [...parents, `${ownNamePrefix}${randomUUID()}.part`].join('/');
  note({ path: temporary });
  const { size, inode } = await fill(client, file, { into, temporary }, options);
  note({ path: relativePath, inode });
  await publishFile(into, temporary, relativePath, note);
  const lasting = created.filter(({ path }) => path !== temporary);
  return { relativePath, name: file.name, size, created: lasting };
}

async function fill(
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
    // Also after a failure: nothing may be writing when the handle is closed.
    await sink.flush();
  }
}

/** Errors of the volume in the user's words; Girder's are classified already. */
function explain(error: unknown, subject: string, into: string): unknown {
  if (error instanceof RunError) return error;
  if (error instanceof ConfinedPathError) {
    return new RunError(placeReasons[error.problem], `${subject} cannot be downloaded: ${error.message}`);
  }
  const why = volumeTroubles.get(errorCode(error) ?? '');
  if (why === undefined) return error;
  return new RunError(
    'DownloadFailed',
    `${subject} cannot be written into ${into}: ${why} (${errorCode(error)})`,
  );
}

const placeReasons = {
  invalid: 'InvalidSpec',
  exists: 'FileExists',
  unsafe: 'DownloadFailed',
  missing: 'DownloadFailed',
} as const;

const volumeTroubles = new Map([
  ['ENOSPC', 'there is no space left on the volume'],
  ['EDQUOT', 'the quota of the volume is used up'],
  ['EFBIG', 'the volume does not take files of this size'],
  ['EACCES', 'the worker may not write there'],
  ['EPERM', 'the worker may not write there'],
  ['EROFS', 'the volume is read-only'],
  ['ENOENT', 'the volume does not exist'],
  ['EIO', 'the disk has errors'],
]);
