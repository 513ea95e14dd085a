import type { GirderClient } from '../../girder/client.ts';
import type { GirderFile } from '../../girder/documents.ts';
import {
  downloadFile,
  downloadFolder,
  downloadItem,
  downloadMetadata,
  type ListedItem,
  type TreeOptions,
} from '../../girder/download/download.ts';
import { describeFile } from '../../girder/download/stream-file.ts';
import { doConcurrently } from '../../support/task-group.ts';
import { type Span, traced } from '../../support/trace/trace.ts';
import { downloadAdvice, eitherAdvice, type IdUse, inContext, streamAdvice, wrongIdHint } from './hints.ts';
import type { RunContext } from '../context.ts';
import type { Download, DownloadSource } from '../plan.ts';

/** Paths relative to their volumes by the name of the transform, and the files of input streams by id. */
export type StagedIn = { paths: ReadonlyMap<string, string>; files: ReadonlyMap<string, GirderFile> };

const concurrentInputs = 4;

/**
 * Downloads every input once, and checks that the files of the input streams exist. `listed` is an item of which the
 * caller has just listed the files.
 */
export async function stageIn(
  context: RunContext,
  client: GirderClient,
  listed?: ListedItem,
): Promise<StagedIn> {
  const { downloads, streams } = context.steps;
  const paths = new Map<string, string>();
  const files = new Map<string, GirderFile>();
  await doConcurrently(
    [
      ...streams.inputs.map(({ name, fileId }) => async (stop: AbortSignal) => {
        const use = { kind: 'file', id: fileId, advice: streamAdvice } as const;
        const explain = explainer(client, [name], use, stop);
        files.set(fileId, await describeFile(client, fileId, stop).catch(explain));
      }),
      ...downloads.map((download) => async (stop: AbortSignal) => {
        const explain = explainer(client, download.names, useOf(download.source), stop);
        const path = await traced('download', { 'dockerrun.transform': download.names.join(' ') }, (span) =>
          fetchOne({ ...context, signal: stop }, client, download, { span, listed }).catch(explain),
        );
        for (const name of download.names) paths.set(name, path);
      }),
    ],
    { limit: concurrentInputs, signal: context.signal },
  );
  return { paths, files };
}

/** Returns the path of the file or directory, relative to its volume. */
async function fetchOne(
  { report, journal, signal }: RunContext,
  client: GirderClient,
  { names, volume, source }: Download,
  { span, listed }: { span: Span; listed: ListedItem | undefined },
): Promise<string> {
  const into = volume.localPath;
  using transfer = report.beginTransfer('download', names);
  const options: TreeOptions = {
    signal,
    onProgress: (bytes, total) => {
      transfer.moved(bytes, total);
      span.set({ 'dockerrun.bytes': bytes });
    },
    onFile: transfer.fileMoved,
    onCreate: (made) => journal.note(volume, made),
    // A temporary volume is deleted as a whole, and the journal of any other has the paths.
    isUndoneByCaller: true,
  };
  switch (source.kind) {
    case 'file': {
      const { fileId, filename } = source;
      return (await downloadFile(client, { fileId, filename, into }, options)).relativePath;
    }
    case 'item': {
      const { itemId } = source;
      const target = { itemId, into, listed: listed?._id === itemId ? listed : undefined };
      return (await downloadItem(client, target, options)).relativePath;
    }
    case 'folder': {
      const { folderId, folderName } = source;
      return (await downloadFolder(client, { folderId, folderName, into }, options)).relativePath;
    }
    case 'metadata': {
      const { of, filename } = source;
      return (await downloadMetadata(client, { of, filename, into }, options)).relativePath;
    }
  }
}

function useOf(source: DownloadSource): IdUse {
  switch (source.kind) {
    case 'file':
      return { kind: 'file', id: source.fileId, advice: downloadAdvice };
    case 'item':
      return { kind: 'item', id: source.itemId, advice: downloadAdvice };
    case 'folder':
      return { kind: 'folder', id: source.folderId, advice: downloadAdvice };
    case 'metadata':
      return { ...source.of, advice: eitherAdvice };
  }
}

/** For `catch`: throws the error again with the transforms that it is about. */
function explainer(client: GirderClient, names: readonly string[], use: IdUse, signal: AbortSignal) {
  const part = `transform${names.length === 1 ? '' : 's'} ${names.join(', ')}`;
  return async (error: unknown): Promise<never> => {
    throw inContext(await wrongIdHint(client, error, use, signal), part);
  };
}
