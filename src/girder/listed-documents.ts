import { isRecord, textOf } from '../api/json-values.ts';
import { UnexpectedResponse } from './documents.ts';

/** An item or a folder as a list of Girder returns it; `size` is the bytes of all files directly in it. */
export type ListedDocument = {
  readonly _id: string;
  readonly name: string;
  readonly size: number | undefined;
  /** ISO times. */
  readonly updated: string | undefined;
  readonly created: string | undefined;
  /** As strangers wrote it: bound what is read of it. */
  readonly meta: Readonly<Record<string, unknown>>;
  /** The folder that it is in; of a folder, whatever it is in. */
  readonly parentId: string | undefined;
};

/** Longer times are not Girder's, and an id has 24 characters. */
const longest = { time: 64, id: 64 } as const;

/** @throws UnexpectedResponse */
export function parseListed(value: unknown): ListedDocument {
  if (!isRecord(value)) throw new UnexpectedResponse('expected an item or a folder');
  const { _id, name, size, updated, created, meta, folderId, parentId } = value;
  if (typeof _id !== 'string' || _id.length > longest.id) {
    throw new UnexpectedResponse('its field _id is not an id');
  }
  if (typeof name !== 'string') throw new UnexpectedResponse('its field name is not a string');
  return {
    _id,
    name,
    size: Number.isSafeInteger(size) && Number(size) >= 0 ? Number(size) : undefined,
    updated: timeOf(updated),
    created: timeOf(created),
    meta: isRecord(meta) ? meta : {},
    parentId: textOf(folderId) ?? textOf(parentId),
  };
}

export function parseListedPage(value: unknown): ListedDocument[] {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of items or folders');
  return value.map(parseListed);
}

function timeOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= longest.time ? value : undefined;
}

/** The ids and names of the folders around a document, the outermost first; without the user or the collection. */
export function parseFolderPath(value: unknown): { readonly id: string; readonly name: string }[] {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of folders');
  return value.flatMap((one: unknown) => {
    if (!isRecord(one) || one['type'] !== 'folder') return [];
    const { _id, name } = parseListed(one['object']);
    return [{ id: _id, name }];
  });
}
