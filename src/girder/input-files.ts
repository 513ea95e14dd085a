import { defined } from '../api/json-values.ts';
import type { ReceiptFile } from '../api/set/receipt.ts';
import { RunError } from '../support/errors.ts';
import type { GirderClient } from './client.ts';
import type { GirderFile } from './documents.ts';
import { filesOf, itemsOf, subfolders } from './lookup.ts';

/** An input of a DockerRunSet: an item, or a folder with everything in it. */
export type InputPlace = { readonly each: 'Item' | 'Folder'; readonly id: string };

/** About 20 MB of memory. */
const maxFiles = 100_000;

/**
 * What the receipt of an input says of its files; their digest is the identity of the input.
 * @throws RunError GirderRefused for more than {@link maxFiles} files
 */
export async function inputFiles(
  client: GirderClient,
  { each, id }: InputPlace,
  signal: AbortSignal,
): Promise<ReceiptFile[]> {
  const files: ReceiptFile[] = [];
  const lists = each === 'Item' ? filesOf(client, id, { signal, pageSize }) : filesBelow(client, id, signal);
  for await (const page of lists) {
    files.push(...page.map(receiptFileOf));
    if (files.length > maxFiles) {
      const kind = each === 'Item' ? 'item' : 'folder';
      throw new RunError('GirderRefused', `${kind} ${id} has more than ${maxFiles} files`);
    }
  }
  return files;
}

const pageSize = 1_000;

async function* filesBelow(
  client: GirderClient,
  folderId: string,
  signal: AbortSignal,
): AsyncGenerator<GirderFile[], void, undefined> {
  const options = { signal, pageSize };
  for await (const items of itemsOf(client, folderId, options)) {
    for (const { _id } of items) yield* filesOf(client, _id, options);
  }
  for await (const folders of subfolders(client, folderId, options)) {
    for (const { _id } of folders) yield* filesBelow(client, _id, signal);
  }
}

/** A file that is only a link may have no size, and an old one no time. */
function receiptFileOf({ _id, name, size = 0, created = '', sha512 }: GirderFile): ReceiptFile {
  return { id: _id, name, size, created, ...defined({ sha512 }) };
}
