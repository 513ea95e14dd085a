import type { GirderClient } from '../girder/client.ts';
import { downloadFile } from '../girder/download.ts';
import type { LiveReport } from './live-report.ts';
import type { StagedFiles } from './staged-files.ts';
import type { Download } from './steps.ts';

/** How many files of a run are fetched at once. */
const concurrentDownloads = 4;

/** Downloads every input once; gives its path in its volume by the name of each transform that has it. */
export async function stageIn(
  client: GirderClient,
  downloads: readonly Download[],
  { report, staged, signal }: { report: LiveReport; staged: StagedFiles; signal: AbortSignal },
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  const failed = new AbortController();
  const waiting = [...downloads];
  const fetchNext = async (): Promise<void> => {
    for (let download = waiting.shift(); download !== undefined; download = waiting.shift()) {
      const { names, fileId, volume, filename } = download;
      const { relativePath } = await downloadFile(
        client,
        { fileId, into: volume.localPath, filename },
        {
          signal: AbortSignal.any([signal, failed.signal]),
          onProgress: (bytes, total) => {
            for (const name of names) report.transferred('download', name, bytes, total ?? bytes);
          },
          onCreate: (made) => staged.note(volume, made),
        },
      );
      for (const name of names) paths.set(name, relativePath);
    }
  };
  const fetchers = Array.from({ length: concurrentDownloads }, () =>
    fetchNext().catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(fetchers);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return paths;
}
