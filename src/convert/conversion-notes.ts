import type { Unknown } from './unknown-value.ts';

/** A sentence about a line of the program. */
export type ConversionNote = { readonly line: number; readonly text: string };

/** Stands for the ID of a document that the program does not say: no document of Girder has it. */
export const missingId = '0'.repeat(24);

/** What a value that is not known has in its place, so that the manifest is valid. */
export type Place = 'text' | 'id' | 'path' | 'name' | 'url' | 'image';

/** What a conversion says: what it left out, and where somebody has to fill in a value. */
export class ConversionNotes {
  readonly #notes: ConversionNote[] = [];
  readonly #said = new Set<string>();
  /** Whether the manifest has a value in the place of an unknown one, or lacks it. */
  isIncomplete = false;

  get all(): readonly ConversionNote[] {
    return this.#notes.toSorted((a, b) => a.line - b.line);
  }

  /** Each sentence about a line is said once. */
  add(line: number, text: string): void {
    const key = `${line} ${text}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.#notes.push({ line, text });
  }

  addAll(others: ConversionNotes): void {
    this.isIncomplete ||= others.isIncomplete;
    for (const { line, text } of others.#notes) this.add(line, text);
  }

  /** Something of the program is not in the manifest. */
  leaveOut(what: string, { source, line, why }: Unknown): void {
    this.isIncomplete = true;
    this.add(line, `${what} is not in the manifest: ${source} has no value here (${why}); add it by hand`);
  }

  /** Returns what stands in the place of an unknown value. */
  placeholder({ source, line, why }: Unknown, place: Place): string {
    this.isIncomplete = true;
    const text = placeholderOf(source, place);
    this.add(
      line,
      `${source} has no value here (${why}): the manifest has ${text} in its place; replace it, or convert with --set ${shellText(`${source}=…`)}`,
    );
    return text;
  }
}

/** One word of a shell. */
function shellText(text: string): string {
  const inDouble = text.includes("'") && !/["$`\\!]/.test(text);
  return inDouble ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}

function placeholderOf(source: string, place: Place): string {
  const word =
    source
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/^-|-$/g, '') || 'value';
  switch (place) {
    case 'id':
      return missingId;
    case 'path':
      return `/replace-me/${word}`;
    case 'url':
      return `https://replace-me.example.org/${word}`;
    case 'image':
      return `replace-me/${word}`;
    default:
      return `replace-me-${word}`;
  }
}
