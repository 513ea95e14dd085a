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

/** `listed` has the documents of an item whose files are one page of Girder's list: its download needs no other. */
type ListedInput = {
  readonly files: ReceiptFile[];
  readonly listed: readonly GirderFile[] | undefined;
};

/**
 * What the receipt of an input says of its files; their digest is the identity of the input.
 * @throws RunError GirderRefused for more than {@link maxFiles} files
 */
export async function inputFiles(
  client: GirderClient,
  place: InputPlace,
  signal: AbortSignal,
): Promise<ReceiptFile[]> {
  return (await listInput(client, place, signal)).files;
}

/** The same, for a download that follows. @throws as {@link inputFiles} */
export async function listInput(
  client: GirderClient,
  { each, id }: InputPlace,
  signal: AbortSignal,
): Promise<ListedInput> {
  const files: ReceiptFile[] = [];
  let listed: GirderFile[] | undefined;
  const isItem = each === 'Item';
  const lists = isItem ? filesOf(client, id, { signal, pageSize }) : filesBelow(client, id, signal);
  for await (const page of lists) {
    listed = files.length === 0 ? page : undefined;
    files.push(...page.map(receiptFileOf));
    if (files.length > maxFiles) {
      const kind = isItem ? 'item' : 'folder';
      throw new RunError('GirderRefused', `${kind} ${id} has more than ${maxFiles} files`);
    }
  }
  return { files, listed: isItem ? (listed ?? (files.length === 0 ? [] : undefined)) : undefined };
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
