import { defined } from '../api/json-values.ts';
import type { Connection } from './connection.ts';
import { isExpired } from './kube-error.ts';
import { AnswerTooLargeError, requestJson } from './request.ts';
import { parseList } from './json.ts';

/**
 * In bytes. One object has at most 1.5 MiB in etcd (https://etcd.io/docs/v3.6/dev-guide/limit/), so that a hundred
 * large ones would not fit into the memory of the controller: raw, as text and parsed, a page is there thrice.
 */
export const maxPageBytes = 8 * 1024 * 1024;

/** After a page, as many objects are requested as would have had this many bytes. */
const wantedPageBytes = 2 * 1024 * 1024;

const firstPageSize = 20;
const maxPageSize = 500;

/** The token of a page expires after minutes. More often than this, only a pause helps. */
const maxRestarts = 2;

export type ListRequest = {
  path: string;
  labelSelector: string | undefined;
  fieldSelector?: string | undefined;
  signal: AbortSignal;
};

/**
 * Lists all objects page by page, so that at most one page of raw objects is in memory; returns the version of
 * the list. The size of the pages follows the bytes of the last one, and a page with too many bytes is cut off and
 * requested again with fewer objects. When the token of a page has expired, it starts again from the first page;
 * throws the third time.
 */
export async function listPages(
  connection: Connection,
  request: ListRequest,
  onPage: (objects: readonly unknown[], isFirst: boolean) => void,
): Promise<string> {
  let continueToken: string | undefined;
  let size = firstPageSize;
  let restarts = 0;
  for (;;) {
    try {
      const page = await listOnce(connection, request, { size, continueToken });
      onPage(page.items, continueToken === undefined);
      if (page.continueToken === undefined) return page.resourceVersion;
      continueToken = page.continueToken;
      size = nextPageSize(size, page.bytes);
    } catch (error) {
      if (error instanceof AnswerTooLargeError && size > 1) {
        size = Math.max(1, Math.floor(size / 4));
      } else if (continueToken !== undefined && isExpired(error) && restarts < maxRestarts) {
        continueToken = undefined;
        restarts += 1;
      } else throw error;
    }
  }
}

/** At most twice as many as before, because the next objects may be larger. */
export function nextPageSize(size: number, bytes: number): number {
  const fitting = Math.floor((size * wantedPageBytes) / Math.max(1, bytes));
  return Math.max(1, Math.min(fitting, size * 2, maxPageSize));
}

async function listOnce(
  connection: Connection,
  { path, labelSelector, fieldSelector, signal }: ListRequest,
  { size, continueToken }: { size: number; continueToken: string | undefined },
): Promise<ReturnType<typeof parseList> & { bytes: number }> {
  const query = {
    limit: String(size),
    ...defined({ continue: continueToken, labelSelector, fieldSelector }),
  };
  let bytes = 0;
  const onBytes = (received: number) => (bytes = received);
  const request = {
    method: 'GET',
    path,
    query,
    signal,
    once: true,
    maxBytes: maxPageBytes,
    onBytes,
  } as const;
  return { ...parseList(await requestJson(connection, request)), bytes };
}
