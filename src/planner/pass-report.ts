import { RunError } from '../support/errors.ts';
import type { GirderClient } from '../girder/client.ts';
import { filesOf } from '../girder/lookup.ts';
import { ignoreBody } from '../girder/documents.ts';
import { ensureItem } from '../girder/upload/destination.ts';
import { uploadToItem } from '../girder/upload/upload.ts';
import { csvLine, reportColumns, reportLine, type ReportRow } from './csv.ts';
import { Spool, ValueSpool } from './spool.ts';

/** Reports that stay in Girder. */
const keptReports = 20;

type Place = { readonly folderId: string; readonly itemName: string; readonly pass: number };

/** Requests at once for what became of inputs. */
const atOnce = 8;

/** Where the result of an input is expected that had to run. */
export type AwaitedResult = {
  readonly folderId: string;
  readonly name: string;
  /** When the result that was there before was made; a result of that time is not this pass's. */
  readonly before: string | undefined;
};

type Entry = ReportRow & { readonly awaited?: AwaitedResult };

/** What a result says of its input; undefined while there is none of this pass. */
export type LookUp = (awaited: AwaitedResult) => Promise<ReportRow | undefined>;

/**
 * The report of a pass: a CSV file with a line for each input, on the node's disk until it is complete. Inputs that had
 * to run are looked up at the end, since only then their results are there.
 */
export class PassReport implements AsyncDisposable {
  readonly #directory: string;
  readonly #entries: ValueSpool<Entry>;

  private constructor(directory: string, entries: ValueSpool<Entry>) {
    this.#directory = directory;
    this.#entries = entries;
  }

  static async open(directory: string): Promise<PassReport> {
    return new PassReport(directory, await ValueSpool.open<Entry>(directory));
  }

  async add(row: ReportRow, awaited?: AwaitedResult): Promise<void> {
    await this.#entries.add(awaited === undefined ? row : { ...row, awaited });
  }

  /** Uploads it, and deletes the oldest ones beyond {@link keptReports}. */
  async upload(
    client: GirderClient,
    { folderId, itemName, pass, lookUp }: Place & { readonly lookUp: LookUp },
    signal: AbortSignal,
  ): Promise<{ readonly itemId: string; readonly name: string }> {
    await using spool = await Spool.open(this.#directory);
    await this.#write(spool, lookUp);
    const { itemId } = await ensureItem(client, { folderId, name: itemName }, signal);
    const name = reportName(pass);
    const { handle: source, size } = spool;
    await uploadToItem(client, { itemId, name, source, size, mimeType: 'text/csv' }, { signal });
    await removeOld(client, itemId, signal);
    return { itemId, name };
  }

  /** In the order of the entries, which are looked up some at a time. */
  async #write(spool: Spool, lookUp: LookUp): Promise<void> {
    await spool.add(csvLine(reportColumns));
    let some: Entry[] = [];
    const flush = async () => {
      const rows = await Promise.all(
        some.map(async ({ awaited, ...row }) =>
          awaited === undefined ? row : { ...row, ...(await lookUp(awaited)) },
        ),
      );
      for (const row of rows) await spool.add(reportLine(row));
      some = [];
    };
    for await (const entry of this.#entries.values()) {
      some.push(entry);
      if (some.length === atOnce) await flush();
    }
    await flush();
    await spool.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#entries[Symbol.asyncDispose]();
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
