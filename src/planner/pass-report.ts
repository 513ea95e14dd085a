import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { filesOf } from '../girder/lookup.ts';
import { ignoreBody } from '../girder/documents.ts';
import { ensureItem } from '../girder/upload/destination.ts';
import { uploadToItem } from '../girder/upload/upload.ts';
import { csvLine, reportColumns, reportLine, type ReportRow } from './csv.ts';
import { Spool } from './spool.ts';

/** Reports that stay in Girder. */
const keptReports = 20;

type Place = { readonly folderId: string; readonly itemName: string; readonly pass: number };

/** The report of a pass: a CSV file with a line for each input, on the node's disk until it is complete. */
export class PassReport implements AsyncDisposable {
  readonly #spool: Spool;

  private constructor(spool: Spool) {
    this.#spool = spool;
  }

  static async open(directory: string): Promise<PassReport> {
    const report = new PassReport(await Spool.open(directory));
    await report.#spool.add(csvLine(reportColumns));
    return report;
  }

  async add(row: ReportRow): Promise<void> {
    await this.#spool.add(reportLine(row));
  }

  /** Uploads it, and deletes the oldest ones beyond {@link keptReports}. */
  async upload(
    client: GirderClient,
    { folderId, itemName, pass }: Place,
    signal: AbortSignal,
  ): Promise<{ readonly itemId: string; readonly name: string }> {
    await this.#spool.flush();
    const { itemId } = await ensureItem(client, { folderId, name: itemName }, signal);
    const name = reportName(pass);
    const { handle: source, size } = this.#spool;
    await uploadToItem(client, { itemId, name, source, size, mimeType: 'text/csv' }, { signal });
    await removeOld(client, itemId, signal);
    return { itemId, name };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool[Symbol.asyncDispose]();
  }
}

function reportName(pass: number): string {
  return `report-${String(pass).padStart(4, '0')}.csv`;
}

/** Of a pass; a file of somebody else has no number. */
function passOf(name: string): number | undefined {
  const [, digits] = /^report-(\d{4,15})\.csv$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

async function removeOld(client: GirderClient, itemId: string, signal: AbortSignal): Promise<void> {
  const reports: { readonly id: string; readonly pass: number }[] = [];
  for await (const files of filesOf(client, itemId, { signal })) {
    for (const { _id: id, name } of files) {
      const pass = passOf(name);
      if (pass !== undefined) reports.push({ id, pass });
    }
  }
  const old = reports.toSorted((a, b) => b.pass - a.pass).slice(keptReports);
  for (const { id } of old) await removeFile(client, id, signal);
}

async function removeFile(client: GirderClient, id: string, signal: AbortSignal): Promise<void> {
  const request = { method: 'DELETE', route: ['file', id], subject: `file ${id}`, signal } as const;
  try {
    await client.json({ ...request, parse: ignoreBody });
  } catch (error) {
    const isGone =
      error instanceof RunError && (error.reason === 'GirderNotFound' || error.reason === 'GirderRefused');
    if (!isGone) throw error;
  }
}
