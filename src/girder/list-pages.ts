import { RunError } from '../support/errors.ts';
import type { Parameters } from './api-url.ts';
import type { GirderClient } from './client.ts';

/** A listing of Girder; `parse` reads one page of it. */
export type Listing<T> = {
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly parse: (value: unknown) => T[];
};

/** How many entries one request asks for: at least 2, since each page begins with the last entry of the one before. */
export type PageOptions = { readonly signal: AbortSignal; readonly pageSize?: number | undefined };

const defaultPageSize = 200;
const mostRestarts = 5;

/**
 * Lists in the order of creation, a page at a time. What is added meanwhile may be missed; what is deleted meanwhile
 * makes nothing else be missed, because a page that does not follow on the one before makes it look from the start.
 */
export async function* listPages<T extends { readonly _id: string }>(
  client: GirderClient,
  { route, query, subject, parse }: Listing<T>,
  { signal, pageSize = defaultPageSize }: PageOptions,
): AsyncGenerator<T[], void, undefined> {
  const limit = Math.max(2, pageSize);
  let given = '';
  let overlap: string | undefined;
  let offset = 0;
  for (let restarts = 0; restarts <= mostRestarts;) {
    const paging = { limit, offset, sort: '_id', sortdir: 1 };
    const ask = { method: 'GET' as const, route, query: { ...query, ...paging }, subject, signal, parse };
    const page = await client.json(ask);
    if (overlap !== undefined && (page[0] === undefined || page[0]._id > overlap)) {
      [overlap, offset, restarts] = [undefined, 0, restarts + 1];
      continue;
    }
    // The ids of MongoDB grow, so what has a greater one than the last was not given yet.
    const fresh = page.filter(({ _id }) => _id > given);
    given = fresh.at(-1)?._id ?? given;
    if (fresh.length > 0) yield fresh;
    if (page.length < limit) return;
    overlap = page.at(-1)?._id;
    offset += page.length - 1;
  }
  const text = `${subject} in Girder ${client.apiUrl} cannot be listed: entries are being deleted all the time`;
  throw new RunError('GirderUnavailable', text);
}
