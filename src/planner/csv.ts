/** The columns of the report of a pass. */
export const reportColumns = ['path', 'itemId', 'state', 'why', 'reason', 'message', 'resultItemId'] as const;

export type ReportRow = Readonly<Partial<Record<(typeof reportColumns)[number], string | undefined>>>;

/** In characters; a row stays well below what spreadsheets take. */
const longestCell = 4_096;

/** One line as RFC 4180 has it, with its end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

export function reportLine(row: ReportRow): string {
  return csvLine(reportColumns.map((column) => row[column] ?? ''));
}

/**
 * A spreadsheet would calculate a cell that starts like a formula, and names in Girder come from anyone: an
 * apostrophe before it makes it a text (https://owasp.org/www-community/attacks/CSV_Injection).
 */
function cellOf(text: string): string {
  const short = text.slice(0, longestCell).toWellFormed();
  const safe = /^[=+\-@\t\r]/.test(short) ? `'${short}` : short;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
