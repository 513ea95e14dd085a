import type { ForEachItem } from '../../api/for-each.ts';
import { isRecord } from '../../api/json-values.ts';
import {
  foreignText,
  longestOfReceipt,
  maxReceiptFiles,
  maxReceiptOutputs,
  type Receipt,
  type ReceiptFile,
  receiptKey,
  resultOwner,
} from '../../api/set/receipt.ts';
import type { GirderClient } from '../../girder/client.ts';
import { ignoreBody, UnexpectedResponse } from '../../girder/documents.ts';
import { filesOf, hasFiles } from '../../girder/lookup.ts';
import { addMetadata, ensureItem } from '../../girder/upload/destination.ts';
import { withGrace } from '../../support/abort.ts';
import { RunError } from '../../support/errors.ts';

/** The result items of a set in Girder, and the receipts on them. */

/** An item that may hold the result of this set; its receipt is absent if no earlier run wrote one. */
export type FoundResult = {
  readonly itemId: string;
  /** Whether its metadata names the set. */
  readonly isMarked: boolean;
  readonly receipt: Receipt | undefined;
};

type Place = ForEachItem['result'];

/**
 * The result item of an input, if it exists.
 * @throws RunError ResultNotOurs for an item of another set, or of a person
 */
export async function findResult(
  client: GirderClient,
  place: Place,
  set: string,
  signal: AbortSignal,
): Promise<FoundResult | undefined> {
  const { folderId } = place;
  const name = nameOf(place);
  const subject = `the results in folder ${folderId}`;
  const query = { folderId, name, limit: 1, sort: '_id' };
  const found = await client.json({
    method: 'GET',
    route: ['item'],
    query,
    subject,
    signal,
    parse: firstItem,
  });
  if (found === undefined) return undefined;
  const { itemId, entry } = found;
  const where = `item ${JSON.stringify(name)} (${itemId}) in folder ${folderId} of Girder`;
  const owner = resultOwner(entry, set);
  if (owner.kind === 'own') return { itemId, isMarked: true, receipt: owner.receipt };
  if (owner.kind === 'unmarked' && !(await hasFiles(client, itemId, signal)))
    return { itemId, isMarked: false, receipt: undefined };
  throw new RunError('ResultNotOurs', `${where} is not of the DockerRunSet ${set}: it ${foreignText(owner)}`);
}

/**
 * Creates the result item if there is none, and marks it as one of the set: without a receipt, a later attempt would
 * take its files for those of a person. `isNew` is true for an item that has no files.
 */
export async function claimResult(
  client: GirderClient,
  { place, set, found }: { place: Place; set: string; found: FoundResult | undefined },
  signal: AbortSignal,
): Promise<{ readonly itemId: string; readonly isNew: boolean }> {
  if (found?.isMarked === true) return { itemId: found.itemId, isNew: false };
  const mark = { [receiptKey]: { set } };
  if (found === undefined) {
    const { folderId } = place;
    const item = { folderId, name: nameOf(place), isAbsent: true, metadata: mark };
    return ensureItem(client, item, signal);
  }
  await addMetadata(client, found.itemId, mark, signal);
  return { itemId: found.itemId, isNew: false };
}

/** In milliseconds: a stop must not leave it open whether an input is done, when the answer is on its way. */
const receiptGraceMs = 2_000;

/** Replaces the receipt; without one, only the mark of the set stays. Nobody else writes to this key. */
export async function writeReceipt(
  client: GirderClient,
  itemId: string,
  receipt: Receipt | { readonly set: string },
  signal: AbortSignal,
): Promise<void> {
  await withGrace(signal, receiptGraceMs, (lingering) =>
    addMetadata(client, itemId, { [receiptKey]: receipt }, lingering),
  );
}

/** Deletes those of some files that are still in the item. */
export async function removeOutputs(
  client: GirderClient,
  itemId: string,
  fileIds: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  if (fileIds.size === 0) return;
  const stale: string[] = [];
  for await (const files of filesOf(client, itemId, { signal, pageSize: 1_000 }))
    stale.push(...files.map(({ _id }) => _id).filter((id) => fileIds.has(id)));
  for (const id of stale) {
    const subject = `file ${id}, which is no longer part of the result`;
    await client.json({ method: 'DELETE', route: ['file', id], subject, signal, parse: ignoreBody });
  }
}

type Facts = Omit<Receipt, 'input' | 'finishedAt'> & {
  readonly item: ForEachItem;
  readonly files: readonly ReceiptFile[];
  readonly filesDigest: string;
  readonly outputs: readonly string[];
};

/** The receipt within the bounds of its parts, so that it is accepted when it is read. */
export function receiptOf({ item, files, filesDigest, message, outputs, image, ...facts }: Facts): Receipt {
  const { id, name, updated, size } = item;
  const listed = files.length <= maxReceiptFiles ? files.map(withShortName) : [];
  return {
    ...facts,
    ...(message === undefined ? {} : { message: message.slice(0, longestOfReceipt.message).toWellFormed() }),
    image: image.slice(0, longestOfReceipt.text),
    outputs: outputs.slice(0, maxReceiptOutputs),
    input: {
      id,
      name,
      ...(updated === undefined ? {} : { updated }),
      ...(size === undefined ? {} : { size }),
      files: listed,
      filesDigest,
    },
    finishedAt: new Date().toISOString(),
  };
}

function withShortName({ name = '', ...file }: ReceiptFile): ReceiptFile {
  return { ...file, name: name.slice(0, longestOfReceipt.text).toWellFormed() };
}

/** Girder strips spaces from both ends of a name. */
function nameOf({ name }: Place): string {
  return name.trim();
}

function firstItem(value: unknown): { readonly itemId: string; readonly entry: unknown } | undefined {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of items');
  const item: unknown = value[0];
  if (item === undefined) return undefined;
  const id = isRecord(item) ? item['_id'] : undefined;
  if (!isRecord(item) || typeof id !== 'string')
    throw new UnexpectedResponse('its field _id is not a string');
  const { meta } = item;
  return { itemId: id, entry: isRecord(meta) ? meta[receiptKey] : undefined };
}
