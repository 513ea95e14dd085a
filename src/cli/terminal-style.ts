import type { Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Terminal } from './terminal.ts';

/** The size of a terminal; undefined for a pipe or a file. */
export function sizeOf(stream: Writable): { readonly columns: number; readonly rows: number } | undefined {
  if (!('isTTY' in stream) || stream.isTTY !== true) return undefined;
  const number = (value: unknown, otherwise: number) =>
    typeof value === 'number' && value > 0 ? value : otherwise;
  const { columns, rows } = stream as { readonly columns?: unknown; readonly rows?: unknown };
  return { columns: number(columns, 80), rows: number(rows, 24) };
}

/** Only on a terminal, and not with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function hasColours({ stdout, environment }: Pick<Terminal, 'stdout' | 'environment'>): boolean {
  const { NO_COLOR, TERM } = environment;
  return sizeOf(stdout) !== undefined && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
}

/** One line without control characters: texts of others can contain some, which a terminal would obey. */
export function harmless(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}').replaceAll('\n', ' ');
}

const colours = {
  Succeeded: 'green',
  Complete: 'green',
  Failed: 'red',
  Cancelled: 'yellow',
  Suspended: 'yellow',
  Paused: 'yellow',
  Running: 'cyan',
  Preparing: 'cyan',
  Uploading: 'cyan',
  Processing: 'cyan',
  Canary: 'cyan',
} as const;

/** The first phase of each line, which is in the column of phases, gets its colour: no name has a capital letter. */
export function colouredPhases(lines: readonly string[], terminal: Terminal): string[] {
  if (!hasColours(terminal)) return lines.map((line) => stripVTControlCharacters(line));
  return lines.map((line) => {
    const phase = line.split(' ').find((word) => Object.hasOwn(colours, word));
    if (phase === undefined) return line;
    const colour = colours[phase as keyof typeof colours];
    return line.replace(phase, () => styleText(colour, phase, { validateStream: false }));
  });
}
