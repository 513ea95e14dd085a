import type { IfExists } from '../../api/hooks.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload } from '../documents.ts';
import { mimeTypeOf } from '../file-names.ts';
import { RetryBudget, TransientFailure } from '../retry.ts';
import { filesOf } from '../lookup.ts';

/** Where a file is stored in Girder: under this name in this item. */
export type FileDestination = {
  readonly itemId: string;
  readonly name: string;
  readonly size: number;
  /** The default is the one that the name suggests. */
  readonly mimeType?: string | undefined;
  readonly reference?: string | undefined;
  /** The default is Replace. */
  readonly ifExists?: IfExists | undefined;
  /** The file with that name, if the caller has just looked it up, which saves the first lookup. */
  readonly found?: { readonly file: GirderFile | undefined } | undefined;
};

/**
 * A started upload, with the file that it replaces, if that is not to stay; an upload of 0 bytes is complete at
 * once.
 */
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
  const added = to.ifExists === 'NewItem' ? new NewFile(client, to, signal) : undefined;
  for (let { found } = to; ; found = undefined) {
    try {
      if (added !== undefined) return { replaces: undefined, ...(await added.start()) };
      const replaces = found === undefined ? await findByName(client, to, signal) : found.file;
      return { replaces, ...(await request(client, to, replaces, signal)) };
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      await client.waitToRetry(budget, error, { subject: subjectOf(to), signal });
    }
  }
}

/**
 * Starts an upload that replaces nothing. A file of 0 bytes is complete at once, also when the response is lost,
 * so a repetition looks for it first.
 */
class NewFile {
  readonly #client: GirderClient;
  readonly #to: FileDestination;
  readonly #signal: AbortSignal;
  #before: { readonly newest: GirderFile | undefined } | undefined;

  constructor(client: GirderClient, to: FileDestination, signal: AbortSignal) {
    this.#client = client;
    this.#to = to;
    this.#signal = signal;
  }

  async start(): Promise<Awaited<ReturnType<typeof request>>> {
    if (this.#to.size === 0) {
      const newest = await newestByName(this.#client, this.#to, this.#signal);
      if (newest !== undefined && this.#before !== undefined && newest._id !== this.#before.newest?._id)
        return { file: newest };
      this.#before ??= { newest };
    }
    return request(this.#client, this.#to, undefined, this.#signal);
  }
}

/** The first file with that name, or else the first link with it. */
export async function findByName(
  client: GirderClient,
  { itemId, name }: Pick<FileDestination, 'itemId' | 'name'>,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  let link: GirderFile | undefined;
  for await (const files of filesOf(client, itemId, { signal, pageSize: 1000 })) {
    const found = files.find((file) => file.name === name && !file.isLink);
    if (found !== undefined) return found;
    link ??= files.find((file) => file.name === name);
  }
  return link;
}

/** The last file with that name: what a request without a response has just stored, if it has. */
export async function newestByName(
  client: GirderClient,
  { itemId, name }: Pick<FileDestination, 'itemId' | 'name'>,
  signal: AbortSignal,
): Promise<GirderFile | undefined> {
  let newest: GirderFile | undefined;
  for await (const files of filesOf(client, itemId, { signal, pageSize: 1000 }))
    newest = files.findLast((file) => file.name === name) ?? newest;
  return newest;
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
  // Girder answers 500 to an upload into a link, so a link is replaced by a new file and then deleted.
  if (replaces !== undefined && !replaces.isLink) {
    const route = ['file', replaces._id, 'contents'];
    return client.jsonOnce({ ...common, method: 'PUT', route, form: { size, reference } });
  }
  const { name, itemId } = to;
  const mimeType = to.mimeType ?? mimeTypeOf(name);
  const form = { parentType: 'item', parentId: itemId, name, size, mimeType, reference };
  return client.jsonOnce({ ...common, method: 'POST', route: ['file'], form });
}
