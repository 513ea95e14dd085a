import type { GirderClient } from '../girder/client.ts';
import { addMetadata, checkMetadata } from '../girder/metadata.ts';
import { uploadToItem } from '../girder/upload.ts';
import type { RunSupport } from './run-support.ts';
import type { Streams } from './streams.ts';

/** Makes every stream that waits on the disk a file of Girder. */
export async function uploadSpools(
  client: GirderClient,
  streams: Streams,
  { report, signal }: RunSupport,
): Promise<void> {
  for (const { name, spool } of streams.outputs) {
    if (spool === undefined) continue;
    const { handle: source, item } = spool;
    const { itemId, filename, mimeType, reference, metadata } = item;
    checkMetadata(metadata);
    const { size } = await source.stat();
    const sent = await uploadToItem(
      client,
      { itemId, name: filename, source, size, mimeType, reference },
      { signal, onProgress: (bytes, total) => report.transferred('upload', name, bytes, total ?? size) },
    );
    await addMetadata(client, itemId, metadata, signal);
    const { fileId, sha256 } = sent;
    report.results.push({ transform: name, itemId, fileId, name: sent.name, size: sent.size, sha256 });
  }
}
