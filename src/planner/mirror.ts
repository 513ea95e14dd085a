import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { type ListedDocument, parseListed, parseListedPage } from '../girder/listed-documents.ts';
import { ensureFolder } from '../girder/upload/destination.ts';

/** Ids that are held; the walk needs those of the folders that it is in. */
const maxFolders = 1_000;

/** The folders of the results, by the names of those below the source; they are created only when they are needed. */
export class MirrorFolders {
  readonly #client: GirderClient;
  readonly #rootId: string;
  readonly #ids = new Map<string, string>();

  constructor(client: GirderClient, rootId: string) {
    this.#client = client;
    this.#rootId = rootId;
  }

  /** Call with what a list shows. */
  know(names: readonly string[], id: string): void {
    this.#ids.delete(keyOf(names));
    this.#ids.set(keyOf(names), id);
    const [oldest] = this.#ids.size > maxFolders ? this.#ids.keys() : [];
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  /** The id of the folder, which is created with those around it if they do not exist. */
  async ensure(names: readonly string[], signal: AbortSignal): Promise<string> {
    const known = this.#known(names);
    if (known !== undefined) return known;
    const folderId = await this.ensure(names.slice(0, -1), signal);
    const id = await ensureFolder(this.#client, { folderId, name: names.at(-1) ?? '' }, signal);
    this.know(names, id);
    return id;
  }

  /** The id of the folder; undefined if it does not exist. */
  async find(names: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const known = this.#known(names);
    if (known !== undefined) return known;
    const parentId = await this.find(names.slice(0, -1), signal);
    if (parentId === undefined) return undefined;
    const query = { parentType: 'folder', parentId, name: names.at(-1) ?? '', limit: 1 };
    const [found] = await this.#list('folder', query, parentId, signal);
    if (found !== undefined) this.know(names, found._id);
    return found?._id;
  }

  /** The item with that name in a folder. */
  async itemIn(folderId: string, name: string, signal: AbortSignal): Promise<ListedDocument | undefined> {
    const [found] = await this.#list('item', { folderId, name, limit: 1 }, folderId, signal);
    return found;
  }

  /** The item with that id; undefined if it is gone by now. */
  async item(id: string, signal: AbortSignal): Promise<ListedDocument | undefined> {
    const request = { method: 'GET', route: ['item', id], subject: `item ${id}`, signal } as const;
    return this.#client.json({ ...request, parse: parseListed }).catch(unlessGone);
  }

  #known(names: readonly string[]): string | undefined {
    return names.length === 0 ? this.#rootId : this.#ids.get(keyOf(names));
  }

  #list(
    kind: 'folder' | 'item',
    query: Readonly<Record<string, string | number>>,
    folderId: string,
    signal: AbortSignal,
  ): Promise<ListedDocument[]> {
    const subject = `folder ${folderId}`;
    return this.#client.json({
      method: 'GET',
      route: [kind],
      query,
      subject,
      signal,
      parse: parseListedPage,
    });
  }
}

function keyOf(names: readonly string[]): string {
  return JSON.stringify(names);
}

/** True for a failure that concerns one item or folder, and not Girder as a whole. */
export function isOfDocument({ reason }: RunError): boolean {
  return reason === 'GirderForbidden' || reason === 'GirderRefused' || reason === 'GirderNotFound';
}

export function unlessGone(error: unknown): undefined {
  const isGone = error instanceof RunError && isOfDocument(error);
  if (isGone && error.reason !== 'GirderForbidden') return undefined;
  throw error;
}
