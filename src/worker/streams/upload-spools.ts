import type { GirderClient } from '../../girder/client.ts';
import { addMetadata, checkMetadata } from '../../girder/upload/metadata.ts';
import { uploadToItem } from '../../girder/upload/upload.ts';
import { traced } from '../../support/trace/trace.ts';
import { attributed } from '../stage/attributed.ts';
import type { OutputStream } from './output-stream.ts';
import type { RunSupport } from '../run-support.ts';
import type { Streams } from './streams.ts';

/** Makes every stream that waits on the disk a file of Girder. */
export async function uploadSpools(
  client: GirderClient,
  streams: Streams,
  support: RunSupport,
): Promise<void> {
  for (const output of streams.outputs) {
    try {
      await uploadSpool(client, output, support);
    } catch (error) {
      support.signal.throwIfAborted();
      throw attributed(error, `transform ${output.name}`);
    }
  }
}

async function uploadSpool(
  client: GirderClient,
  { name, spool }: OutputStream,
  { report, signal }: RunSupport,
): Promise<void> {
  if (spool === undefined) return;
  const { handle: source, item } = spool;
  const { itemId, filename, mimeType, reference, metadata } = item;
  checkMetadata(metadata);
  const { size } = await source.stat();
  using transfer = report.beginTransfer('upload', [name]);
  const sent = await traced('upload', { 'dockerrun.transform': name, 'dockerrun.bytes': size }, () =>
    uploadToItem(
      client,
      { itemId, name: filename, source, size, mimeType, reference },
      { signal, onProgress: (bytes, total) => transfer.moved(bytes, total ?? size) },
    ),
  );
  await addMetadata(client, itemId, metadata, signal);
  const { fileId, sha256 } = sent;
  report.uploaded({ transform: name, itemId, fileId, name: sent.name, size: sent.size, sha256 });
}
