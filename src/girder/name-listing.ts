import { RunError } from '../support/errors.ts';
import type { Parameters } from './api-url.ts';
import type { GirderClient } from './client.ts';
import { type ListedDocument, parseListedPage } from './listed-documents.ts';
import { TransientFailure } from './retry.ts';

/**
 * The order in which Girder's database sorts names: by bytes, as MongoDB does, or by UTF-16 units, as some databases
 * with its protocol do. Both differ only for emoji and the like, so the first two names that show it decide.
 */
export class NameOrder {
  #isUtf16: boolean | undefined;

  /** Negative if `a` is sorted before `b`. */
  compare(a: string, b: string): number {
    return this.#isUtf16 === true ? byUnits(a, b) : byBytes(a, b);
  }

  /** False if no known order has these neighbours of a list. */
  accepts(before: string, after: string): boolean {
    const [bytes, units] = [byBytes(before, after) <= 0, byUnits(before, after) <= 0];
    if (bytes !== units) this.#isUtf16 ??= units;
    return this.compare(before, after) <= 0;
  }
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The order of code points is that of their UTF-8. */
function byBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [one, other] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (one !== other) return fixedUp(one) - fixedUp(other);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for the highest code points, above all other units. */
function fixedUp(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The documents of a page, and about the bytes of one as they are held in memory. */
const pageLimits = { documents: 1_000, bytes: 2 * 1024 * 1024 } as const;

/** How many documents are asked for at once: fewer where they are large. */
export class PageSize {
  #limit: number = pageLimits.documents;

  get limit(): number {
    return this.#limit;
  }

  halve(): void {
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  /** Call with each page: some of its documents show how large those of the next one are. */
  observe(page: readonly ListedDocument[]): void {
    const step = Math.max(1, Math.floor(page.length / 16));
    const samples = page.filter((_, index) => index % step === 0);
    const bytes = samples.reduce((sum, { meta }) => sum + JSON.stringify(meta).length + 256, 0);
    const each = bytes / Math.max(1, samples.length);
    this.#limit = Math.max(1, Math.min(pageLimits.documents, Math.floor(pageLimits.bytes / each)));
  }
}

export type NameListing = {
  readonly order: NameOrder;
  readonly pages: PageSize;
  readonly signal: AbortSignal;
};

/** The items directly in a folder, by name. */
export function itemsByName(client: GirderClient, folderId: string, listing: NameListing) {
  return byName(client, { kind: 'item', query: { folderId }, subject: `folder ${folderId}` }, listing);
}

/** The folders directly in a folder that the user may read, by name. */
export function foldersByName(client: GirderClient, folderId: string, listing: NameListing) {
  const query = { parentType: 'folder', parentId: folderId };
  return byName(client, { kind: 'folder', query, subject: `folder ${folderId}` }, listing);
}

type Listed = {
  readonly kind: 'item' | 'folder';
  readonly query: Parameters;
  readonly subject: string;
};

/** How often a list may be stepped back in, because entries before the page were removed. */
const maxStepsBack = 1_000;

/**
 * Lists a page at a time, in the order of the names. Each page starts with the last entry of the one before, so that
 * entries that appear or vanish meanwhile do not hide others.
 * @throws RunError GirderUnavailable if Girder does not sort by name
 */
async function* byName(
  client: GirderClient,
  listed: Listed,
  { order, pages, signal }: NameListing,
): AsyncGenerator<ListedDocument, void, undefined> {
  let last: ListedDocument | undefined;
  let [offset, stepsBack] = [0, 0];
  for (;;) {
    const page = await pageOf(client, listed, { pages, offset, signal });
    checkOrder(client, listed, page.documents, order);
    const [first] = page.documents;
    const isShifted = last !== undefined && (first === undefined || order.compare(first.name, last.name) > 0);
    if (isShifted && offset > 0 && (stepsBack += 1) <= maxStepsBack) {
      offset = Math.max(0, offset - page.limit);
      continue;
    }
    const added: ListedDocument[] = entriesAfter(last, page.documents, order);
    yield* added;
    last = added.at(-1) ?? last;
    if (page.documents.length < page.limit) return;
    // With one entry, a page that starts with the last one would never end.
    offset += Math.max(1, page.documents.length - 1);
  }
}

/** Those that follow the last one; its own place in the page counts, where it is there. */
function entriesAfter(
  last: ListedDocument | undefined,
  page: readonly ListedDocument[],
  order: NameOrder,
): ListedDocument[] {
  if (last === undefined) return [...page];
  const index = page.findIndex(({ _id }) => _id === last._id);
  if (index !== -1) return page.slice(index + 1);
  return page.filter(({ name }) => order.compare(name, last.name) > 0);
}

function checkOrder(
  client: GirderClient,
  { subject }: Listed,
  page: readonly ListedDocument[],
  order: NameOrder,
): void {
  const isSorted = page.every(({ name }, index) => {
    const before = page[index - 1];
    return before === undefined || order.accepts(before.name, name);
  });
  if (isSorted) return;
  const text = `cannot list ${subject} in Girder ${client.apiUrl}: it does not sort its entries by name`;
  throw new RunError('GirderUnavailable', text);
}

/** A page is longer than any answer that is read. */
class PageTooLong extends Error {
  override readonly name = 'PageTooLong';
}

type Page = { readonly documents: ListedDocument[]; readonly limit: number };

async function pageOf(
  client: GirderClient,
  { kind, query, subject }: Listed,
  { pages, offset, signal }: Pick<NameListing, 'pages' | 'signal'> & { readonly offset: number },
): Promise<Page> {
  for (;;) {
    const { limit } = pages;
    const paging = { ...query, limit, offset, sort: 'name', sortdir: 1 };
    const request = { method: 'GET', route: [kind], query: paging, subject, signal } as const;
    try {
      const documents = await client.withRetries(request, () =>
        client.jsonOnce({ ...request, parse: parseListedPage }).catch(explainLength),
      );
      pages.observe(documents);
      return { documents, limit };
    } catch (error) {
      if (!(error instanceof PageTooLong)) throw error;
      if (limit === 1)
        throw new RunError('GirderUnavailable', `cannot list ${subject}: an entry has too much metadata`);
      pages.halve();
    }
  }
}

function explainLength(error: unknown): never {
  if (error instanceof TransientFailure && error.message.includes('is longer than')) throw new PageTooLong();
  throw error;
}
