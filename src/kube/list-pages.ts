import { defined } from '../api/json-values.ts';
import type { Connection } from './connection.ts';
import { isExpired } from './kube-error.ts';
import { requestJson } from './request.ts';
import { parseList } from './json.ts';

/** Small enough that a page of large objects (a spec may have some 100 KiB) needs little memory. */
const pageSize = '100';

export type ListRequest = { path: string; labelSelector: string | undefined; signal: AbortSignal };

/**
 * Lists all objects page by page, so that at most one page of raw objects is in memory; returns the version
 * of the list. When the token of a page has expired (after minutes), it lists everything again in one piece.
 */
export async function listPages(
  connection: Connection,
  request: ListRequest,
  onPage: (objects: readonly unknown[], isFirst: boolean) => void,
): Promise<string> {
  let continueToken: string | undefined;
  for (;;) {
    const isFirst = continueToken === undefined;
    const query: Record<string, string> = { limit: pageSize };
    if (continueToken !== undefined) query['continue'] = continueToken;
    try {
      const page = await listOnce(connection, request, query);
      onPage(page.items, isFirst);
      if (page.continueToken === undefined) return page.resourceVersion;
      continueToken = page.continueToken;
    } catch (error) {
      if (isFirst || !isExpired(error)) throw error;
      const whole = await listOnce(connection, request, {});
      onPage(whole.items, true);
      return whole.resourceVersion;
    }
  }
}

async function listOnce(
  connection: Connection,
  { path, labelSelector, signal }: ListRequest,
  paging: Record<string, string>,
): Promise<ReturnType<typeof parseList>> {
  const query = { ...paging, ...defined({ labelSelector }) };
  return parseList(await requestJson(connection, { method: 'GET', path, query, signal, once: true }));
}
