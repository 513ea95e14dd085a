import { Writable } from 'node:stream';
import xterm, { type IBufferCell } from '@xterm/headless';

/** Characters that follow one another in a line and look the same. */
export type StyledText = {
  /** The column of its first character; the first is 0. */
  readonly column: number;
  readonly text: string;
  /** Of the 16 colours of a terminal; undefined for its usual one. */
  readonly colour: number | undefined;
  readonly isBold: boolean;
};

/** A terminal as a program sees it, a TTY of so many columns and rows, and as its user does: the lines on it. */
export class TerminalScreen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** All that was written, with its escape sequences. */
  written = '';
  readonly #terminal;

  /** @param wrapsAgain whether its lines are wrapped when it gets narrower, or cut as those of xterm are */
  constructor(columns: number, rows = 24, wrapsAgain = true) {
    super();
    this.columns = columns;
    this.rows = rows;
    this.#terminal = new xterm.Terminal({
      ...{ cols: columns, rows, scrollback: 10_000 },
      ...{ allowProposedApi: true, convertEol: true },
      ...(wrapsAgain ? {} : { windowsPty: { backend: 'winpty', buildNumber: 1 } }),
    });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString();
    this.#terminal.write(chunk, done);
  }

  /** As when its user changes the size of the window. */
  resize(columns: number): void {
    this.columns = columns;
    this.#terminal.resize(columns, this.rows);
    this.emit('resize');
  }

  /** The lines, also those that have scrolled off, without the empty ones at the end. */
  async lines(): Promise<string[]> {
    const lines = (await this.styledLines()).map((parts) =>
      parts.reduce((line, { column, text }) => `${line.padEnd(column)}${text}`, ''),
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  /** The same with the looks of their parts. Spaces at the end of a line are left out. */
  async styledLines(): Promise<StyledText[][]> {
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
    const { active } = this.#terminal.buffer;
    return Array.from({ length: active.length }, (_, at) => {
      const line = active.getLine(at);
      const used = line?.translateToString(true, 0, this.columns).trimEnd().length ?? 0;
      const parts: StyledText[] = [];
      for (let column = 0; column < used; column += 1) addTo(parts, partAt(column, line?.getCell(column)));
      return parts;
    });
  }
}

function partAt(column: number, cell: IBufferCell | undefined): StyledText {
  const colour = cell?.isFgPalette() === true ? cell.getFgColor() : undefined;
  return { column, text: cell?.getChars() || ' ', colour, isBold: (cell?.isBold() ?? 0) !== 0 };
}

function addTo(parts: StyledText[], next: StyledText): void {
  const last = parts.at(-1);
  const isSame = last !== undefined && last.colour === next.colour && last.isBold === next.isBold;
  if (isSame) parts.splice(-1, 1, { ...last, text: `${last.text}${next.text}` });
  else parts.push(next);
}
