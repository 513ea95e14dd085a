import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload } from '../documents.ts';
import { RetryBudget, TransientFailure } from '../retry.ts';
import { filesOf } from '../lookup.ts';

/** Where a file is stored in Girder: under this name in this item, replacing a file with the same name. */
export type FileDestination = {
  readonly itemId: string;
  readonly name: string;
  readonly size: number;
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  /** The file with that name, if the caller has just looked it up, which saves the first lookup. */
  readonly found?: { readonly file: GirderFile | undefined } | undefined;
};

/** A started upload, with the file that it replaces; an upload of 0 bytes is complete at once. */
export type Started = { readonly replaces: GirderFile | undefined } & (
  { readonly file: GirderFile } | { readonly upload: GirderUpload }
);

/** Starts an upload. After a lost response the item is looked up again, so that no file is stored twice. */
export async function startUpload(
  client: GirderClient,
  to: FileDestination,
  signal: AbortSignal,
): Promise<Started> {
  const budget = new RetryBudget();
  for (let { found } = to; ; found = undefined) {
    try {
      const replaces = found === undefined ? await findByName(client, to, signal) : found.file;
      return { replaces, ...(await request(client, to, replaces, signal)) };
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      await client.waitToRetry(budget, error, { subject: subjectOf(to), signal });
    }
  }
}

export async function findByName(
  client: GirderClient,
  { itemId, name }: FileDestination,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  for await (const files of filesOf(client, itemId, { signal, pageSize: 1000 })) {
    const found = files.find((file) => file.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** How messages name an upload. */
export function subjectOf({ name, itemId }: FileDestination): string {
  return `${name} for item ${itemId}`;
}

function request(
  client: GirderClient,
  to: FileDestination,
  replaces: GirderFile | undefined,
  signal: AbortSignal,
) {
  const { size, reference } = to;
  const common = { subject: subjectOf(to), signal, parse: parseFileOrUpload };
  if (replaces !== undefined) {
    const route = ['file', replaces._id, 'contents'];
    return client.jsonOnce({ ...common, method: 'PUT', route, form: { size, reference } });
  }
  const { name, mimeType, itemId } = to;
  const form = { parentType: 'item', parentId: itemId, name, size, mimeType, reference };
  return client.jsonOnce({ ...common, method: 'POST', route: ['file'], form });
}
