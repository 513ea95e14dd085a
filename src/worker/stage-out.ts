import { posix } from 'node:path';
import type { GirderClient } from '../girder/client.ts';
import { uploadToItem } from '../girder/upload.ts';
import { ConfinedPathError } from '../io/confined-path.ts';
import { openRegularFile } from '../io/confined.ts';
import { RunError } from '../support/errors.ts';
import type { LiveReport } from './live-report.ts';
import type { Upload } from './steps.ts';

/** Uploads every result, in the order of the hooks. */
export async function stageOut(
  client: GirderClient,
  uploads: readonly Upload[],
  { report, signal }: { report: LiveReport; signal: AbortSignal },
): Promise<void> {
  for (const upload of uploads) {
    await using source = await openOutput(upload);
    const { size } = await source.stat();
    const { name, itemId, hook } = upload;
    const sent = await uploadToItem(
      client,
      { itemId, name: posix.basename(upload.filename), source, size },
      { signal, onProgress: (bytes, total) => report.transferred('upload', name, bytes, total ?? size) },
    );
    report.results.push({
      hook,
      itemId,
      fileId: sent.fileId,
      name: sent.name,
      size: sent.size,
      sha256: sent.sha256,
    });
  }
}

/** Opens what the target left. It is hostile: only a regular file that is really inside its volume will do. */
async function openOutput({ volume, filename, name }: Upload) {
  try {
    return await openRegularFile(volume.localPath, filename);
  } catch (error) {
    if (!(error instanceof ConfinedPathError)) throw error;
    const path = posix.join(volume.containerPath, filename);
    const where = `transform ${name}: ${path} in the target`;
    if (error.problem === 'missing') {
      throw new RunError(
        'OutputMissing',
        `${where} does not exist, although the target ended with exit code 0`,
        {
          cause: error,
        },
      );
    }
    throw new RunError('OutputUnsafe', `${where} is not uploaded: ${error.message}`, { cause: error });
  }
}
