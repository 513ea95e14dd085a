import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload } from '../documents.ts';
import { RetryBudget, TransientFailure } from '../retry.ts';
import { filesOf } from '../lookup.ts';

/** What a file becomes in Girder: a file of this name in this item, in place of one that has the name already. */
export type Destination = {
  readonly itemId: string;
  readonly name: string;
  readonly size: number;
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  /** What a look at the item has just shown of that name, which spares the first look. */
  readonly found?: { readonly file: GirderFile | undefined } | undefined;
};

/** A begun upload, with the file that it replaces; one of 0 bytes is complete at once. */
export type Started = { readonly replaces: GirderFile | undefined } & (
  { readonly file: GirderFile } | { readonly upload: GirderUpload }
);

/** Begins an upload. A try whose answer was lost is repeated from the look at the item on, so nothing doubles. */
export async function startUpload(
  client: GirderClient,
  to: Destination,
  signal: AbortSignal,
): Promise<Started> {
  const budget = new RetryBudget();
  for (let { found } = to; ; found = undefined) {
    try {
      const replaces = found === undefined ? await findByName(client, to, signal) : found.file;
      return { replaces, ...(await request(client, to, replaces, signal)) };
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      await client.waitAgain(budget, error, { subject: subjectOf(to), signal });
    }
  }
}

/** The file of that name in the item, if there is one. */
export async function findByName(
  client: GirderClient,
  { itemId, name }: Destination,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  for await (const files of filesOf(client, itemId, { signal, pageSize: 1000 })) {
    const found = files.find((file) => file.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The user's words for an upload. */
export function subjectOf({ name, itemId }: Destination): string {
  return `${name} for item ${itemId}`;
}

function request(
  client: GirderClient,
  to: Destination,
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
