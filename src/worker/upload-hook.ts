import { posix } from 'node:path';
import type { GirderClient } from '../girder/client.ts';
import { uploadToItem } from '../girder/upload.ts';
import { openRegularFile } from '../io/confined.ts';
import type { HookStep } from './hook-steps.ts';
import type { RunSupport } from './run-support.ts';

/** Does one hook. */
export async function uploadHook(
  client: GirderClient,
  step: HookStep,
  { report, signal }: RunSupport,
): Promise<void> {
  const { hook, name, volume, path = '', to } = step;
  await using source = await openRegularFile(volume.localPath, path);
  const { size } = await source.stat();
  if (!('itemId' in to)) throw new Error('folders are not there yet');
  const sent = await uploadToItem(
    client,
    { itemId: to.itemId, name: posix.basename(path), source, size },
    { signal, onProgress: (bytes, total) => report.transferred('upload', name, bytes, total ?? size) },
  );
  const { fileId, sha256 } = sent;
  report.results.push({ hook, itemId: to.itemId, fileId, name: sent.name, size, sha256 });
}
