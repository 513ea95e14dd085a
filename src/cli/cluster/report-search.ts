import { StringDecoder } from 'node:string_decoder';
import type { GirderClient } from '../../girder/client.ts';
import { filesOf } from '../../girder/lookup.ts';
import { reportColumns, type ReportRow } from '../../planner/csv.ts';

const bufferBytes = 256 * 1024;

/** In bytes: a report of a million inputs has about 150 MB. */
export const mostReportBytes = 1024 * 1024 * 1024;

/** In characters: a row has at most 7 cells of 4096. */
export const longestRow = 64 * 1024;

/** Splits CSV (RFC 4180) into rows; a row that is not complete yet waits for the next text. */
export class CsvRows {
  #rest = '';

  /** @throws RangeError for a row that no report has */
  push(text: string): string[][] {
    const all = this.#rest + text;
    const rows: string[][] = [];
    let start = 0;
    let isQuoted = false;
    for (let at = 0; at < all.length; at += 1) {
      if (all[at] === '"') isQuoted = !isQuoted;
      else if (all[at] === '\n' && !isQuoted) {
        rows.push(cellsOf(all.slice(start, at).replace(/\r$/, '')));
        start = at + 1;
      }
    }
    this.#rest = all.slice(start);
    if (this.#rest.length > longestRow) throw new RangeError('the report has a row that is too long');
    return rows;
  }
}

function cellsOf(line: string): string[] {
  const cells: string[] = [];
  let isQuoted = false;
  let start = 0;
  for (let at = 0; at <= line.length; at += 1) {
    if (line[at] === '"') isQuoted = !isQuoted;
    if (at < line.length && (line[at] !== ',' || isQuoted)) continue;
    const text = line.slice(start, at);
    cells.push(text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text);
    start = at + 1;
  }
  return cells;
}

/** The row of an input, by its ID or its path. */
export function rowIn(rows: readonly (readonly string[])[], input: string): ReportRow | undefined {
  const found = rows.find(([path, itemId]) => itemId === input || path === input || path === `'${input}`);
  if (found === undefined) return undefined;
  return Object.fromEntries(reportColumns.map((column, index) => [column, found[index] ?? '']));
}

type Report = { readonly itemId: string; readonly name: string };

/** What the report of a pass says of an input; undefined if it says nothing. @throws RunError */
export async function findInReport(
  client: GirderClient,
  { itemId, name }: Report,
  { input, signal }: { readonly input: string; readonly signal: AbortSignal },
): Promise<ReportRow | undefined> {
  for await (const files of filesOf(client, itemId, { signal })) {
    const file = files.find((one) => one.name === name);
    if (file !== undefined) return searchFile(client, file._id, { input, signal });
  }
  return undefined;
}

async function searchFile(
  client: GirderClient,
  fileId: string,
  { input, signal }: { readonly input: string; readonly signal: AbortSignal },
): Promise<ReportRow | undefined> {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const route = ['file', fileId, 'download'];
  const { body } = await client.open({ method: 'GET', route, buffer, subject: `file ${fileId}`, signal });
  const [rows, decoder] = [new CsvRows(), new StringDecoder('utf8')];
  let found: ReportRow | undefined;
  let bytes = 0;
  try {
    await body.pump((chunk) => {
      bytes += chunk.length;
      found ??= rowIn(rows.push(decoder.write(chunk)), input);
      if (found !== undefined || bytes > mostReportBytes) body.destroy();
      return undefined;
    });
  } catch (error) {
    if (found === undefined) throw error;
  }
  return found;
}
