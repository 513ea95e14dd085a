import type { FileHandle } from 'node:fs/promises';
import type { GirderClient } from '../../girder/client.ts';
import { addMetadata, checkMetadata } from '../../girder/upload/metadata.ts';
import { uploadToItem } from '../../girder/upload/upload.ts';
import { traced } from '../../support/trace/trace.ts';
import type { RunContext } from '../context.ts';
import type { OutputTo } from '../steps.ts';
import { inContext } from './attributed.ts';

/** A stream of the target; `spool` is where it waits on the disk when it is to become a file of Girder. */
export type SpooledStream = {
  readonly name: string;
  readonly spool:
    { readonly handle: FileHandle; readonly item: Extract<OutputTo, { kind: 'item' }>['item'] } | undefined;
};

/** Makes every stream that waits on the disk a file of Girder. */
export async function uploadSpools(
  context: RunContext,
  client: GirderClient,
  streams: readonly SpooledStream[],
): Promise<void> {
  for (const stream of streams) {
    try {
      await uploadSpool(context, client, stream);
    } catch (error) {
      context.signal.throwIfAborted();
      throw inContext(error, `transform ${stream.name}`);
    }
  }
}

async function uploadSpool(
  { report, signal }: RunContext,
  client: GirderClient,
  { name, spool }: SpooledStream,
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
