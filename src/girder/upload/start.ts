import type { IfExists } from '../../api/hooks.ts';
import { sleep, withGrace } from '../../support/abort.ts';
import { encodeParameters, type Parameters } from '../api-url.ts';
import type { GirderClient } from '../client.ts';
import { type GirderFile, type GirderUpload, parseFileOrUpload } from '../documents.ts';
import { mimeTypeOf } from '../file-names.ts';
import { ChunkRefused } from '../girder-error.ts';
import { TransientFailure } from '../retry.ts';
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

/** Bytes. A file of at most this size is sent in one request; a larger one in chunks, which can be resumed. */
const maxWholeBytes = 1024 * 1024;
/** In characters: the attributes are in the query of the request, and proxies limit its length. */
const maxQuery = 4000;
/**
 * In milliseconds: how long a request whose response was lost may still be at work in Girder, before the file is
 * taken for not stored.
 */
const lostRequestMs = 2_000;
/** For the response to a small file when the run is cancelled, in milliseconds. */
const sendGraceMs = 5_000;

/** The bytes of a small file, which go with the first request, and a test for a stored file that has them. */
export type WholeFile = {
  read(): Promise<Buffer>;
  isStored(file: GirderFile): Promise<boolean>;
};

/**
 * A started upload, with the file that it replaces, if that is not to stay; an upload of 0 bytes is complete at
 * once.
 */
export type Started = { readonly replaces: GirderFile | undefined } & (
  { readonly file: GirderFile } | { readonly upload: GirderUpload }
);

/**
 * Starts an upload; a new file with `whole` is then complete. After a lost response the item is looked up again, so
 * that no file is stored twice, and after any failure the bytes are left to the chunks.
 */
export async function startUpload(
  client: GirderClient,
  to: FileDestination,
  signal: AbortSignal,
  whole?: WholeFile,
): Promise<Started> {
  const budget = client.budget();
  const added = to.ifExists === 'NewItem' ? new NewFile(client, to, signal) : undefined;
  const first = whole && new FirstTry(client, { to, whole }, signal);
  for (let { found } = to; ; found = undefined) {
    try {
      if (added !== undefined) return { replaces: undefined, ...(await added.start()) };
      const replaces = found === undefined ? await findByName(client, to, signal) : found.file;
      const started = (await first?.start(replaces)) ?? (await request(client, to, replaces, signal));
      return { replaces, ...started };
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      await client.waitToRetry(budget, error, { subject: subjectOf(to), signal });
    }
  }
}

/** Girder answers 500 to an upload into a link, so a link is replaced by a new file and then deleted. */
function isReplaceable(found: GirderFile | undefined): found is GirderFile {
  return found !== undefined && !found.isLink;
}

/** Sends a new small file in one request, once. */
class FirstTry {
  readonly #client: GirderClient;
  readonly #to: FileDestination;
  readonly #whole: WholeFile;
  readonly #signal: AbortSignal;
  #isSent = false;

  constructor(
    client: GirderClient,
    { to, whole }: { readonly to: FileDestination; readonly whole: WholeFile },
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#to = to;
    this.#whole = whole;
    this.#signal = signal;
  }

  /** Undefined if the upload has to be started without the bytes; `found` is the file with the name. */
  async start(found: GirderFile | undefined): Promise<Awaited<ReturnType<typeof sendNewFile>>> {
    if (this.#isSent) return this.#stored(found);
    if (isReplaceable(found)) return undefined;
    const bytes = await this.#whole.read();
    this.#isSent = true;
    return sendNewFile(this.#client, { place: inItem(this.#to), bytes }, this.#signal);
  }

  /** The file, if the request without a response has stored it after all. */
  async #stored(found: GirderFile | undefined): Promise<{ file: GirderFile } | undefined> {
    if (found?.size !== this.#to.size || found.isLink) return undefined;
    return (await this.#whole.isStored(found)) ? { file: found } : undefined;
  }
}

/**
 * Whether a file is sent with the request that creates it: not one that is added to others of its name, because
 * it could not be distinguished from them after a lost response.
 */
export function isSentWhole({
  name,
  size,
  reference,
  ifExists,
}: Pick<FileDestination, 'name' | 'size' | 'reference' | 'ifExists'>): boolean {
  if (size > maxWholeBytes || ifExists === 'NewItem') return false;
  return encodeParameters({ name, reference }).length <= maxQuery;
}

/** Where a file is created; `parentType` is that of the parent. */
export type NewFilePlace = Pick<FileDestination, 'name' | 'size' | 'mimeType' | 'reference'> & {
  readonly parentType: 'item' | 'folder';
  readonly parentId: string;
};

function inItem(to: FileDestination): NewFilePlace {
  return { ...to, parentType: 'item', parentId: to.itemId };
}

/** The parameters with which Girder creates a file. */
function creation({ parentType, parentId, name, size, mimeType, reference }: NewFilePlace): Parameters {
  return { parentType, parentId, name, size, mimeType: mimeType ?? mimeTypeOf(name), reference };
}

/**
 * Creates a file with its bytes; in a folder, Girder creates its item too. Undefined if a server in front of Girder
 * refuses the length.
 * @throws TransientFailure when the request may have done its work or not
 */
export async function sendNewFile(
  client: GirderClient,
  { place, bytes }: { readonly place: NewFilePlace; readonly bytes: Buffer },
  signal: AbortSignal,
): Promise<{ file: GirderFile } | { upload: GirderUpload } | undefined> {
  const subject = `${place.name} for ${place.parentType} ${place.parentId}`;
  const request = { method: 'POST', route: ['file'], query: creation(place), subject } as const;
  const file = bytes.length > 0 ? bytes : undefined;
  try {
    // Half a request would leave an upload in Girder that nobody can cancel, since its id is in the response.
    return await withGrace(signal, sendGraceMs, (lingering) =>
      client.jsonOnce({ ...request, file, signal: lingering, parse: parseFileOrUpload }),
    );
  } catch (error) {
    if (error instanceof ChunkRefused) return undefined;
    if (error instanceof TransientFailure) await sleep(lostRequestMs, signal);
    throw error;
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
  if (isReplaceable(replaces)) {
    const route = ['file', replaces._id, 'contents'];
    return client.jsonOnce({ ...common, method: 'PUT', route, form: { size, reference } });
  }
  const form = creation(inItem(to));
  return client.jsonOnce({ ...common, method: 'POST', route: ['file'], form });
}
