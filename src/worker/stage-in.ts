import type { GirderClient } from '../girder/client.ts';
import type { GirderFile } from '../girder/documents.ts';
import { downloadFile, downloadFolder, downloadItem, type TreeOptions } from '../girder/download.ts';
import { describeFile } from '../girder/stream-file.ts';
import type { LiveReport } from './live-report.ts';
import type { StagedFiles } from './staged-files.ts';
import type { Download, Steps } from './steps.ts';

/** How many inputs of a run are fetched at once, and how many files of one folder. */
const concurrentDownloads = 4;

/** What is there when the target starts: paths in volumes by transform, and the files of streams by id. */
export type StagedIn = { paths: ReadonlyMap<string, string>; files: ReadonlyMap<string, GirderFile> };

export type StageInSupport = { report: LiveReport; staged: StagedFiles; signal: AbortSignal };

/** Downloads every input once, and sees that the files are there which are to be streamed. */
export async function stageIn(
  client: GirderClient,
  { downloads, streams }: Pick<Steps, 'downloads' | 'streams'>,
  { report, staged, signal }: StageInSupport,
): Promise<StagedIn> {
  const paths = new Map<string, string>();
  const files = new Map<string, GirderFile>();
  await inParallel(
    [
      ...streams.inputs.map(({ fileId }) => async (stop: AbortSignal) => {
        files.set(fileId, await describeFile(client, fileId, stop));
      }),
      ...downloads.map((download) => async (stop: AbortSignal) => {
        const path = await fetchOne(client, download, { report, staged, signal: stop });
        for (const name of download.names) paths.set(name, path);
      }),
    ],
    signal,
  );
  return { paths, files };
}

/** Gives the path of the file or directory in its volume. */
async function fetchOne(
  client: GirderClient,
  { names, volume, source }: Download,
  { report, staged, signal }: StageInSupport,
): Promise<string> {
  const into = volume.localPath;
  const options: TreeOptions = {
    signal,
    onProgress: (bytes, total) => {
      for (const name of names) report.transferred('download', name, bytes, total);
    },
    onCreate: (made) => staged.note(volume, made),
  };
  switch (source.kind) {
    case 'file': {
      const { fileId, filename } = source;
      return (await downloadFile(client, { fileId, filename, into }, options)).relativePath;
    }
    case 'item':
      return (await downloadItem(client, { itemId: source.itemId, into }, options)).relativePath;
    case 'folder': {
      const { folderId, folderName } = source;
      return (await downloadFolder(client, { folderId, folderName, into }, options)).relativePath;
    }
  }
}

/** Does all of it, some at once; the first failure stops the rest. */
async function inParallel(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      stop.throwIfAborted();
      await task(stop);
    }
  };
  await Promise.all(
    Array.from({ length: concurrentDownloads }, () => work().catch((error: unknown) => failed.abort(error))),
  );
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
