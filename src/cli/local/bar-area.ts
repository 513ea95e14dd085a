import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import { hasColours, sizeOf } from '../terminal-style.ts';
import { type Bar, barLines } from './movement-bars.ts';

/** Bars are drawn again after each write of others, but not more often than this. */
const leastMs = 40;

/**
 * The bars at the bottom of a terminal, below all that others write to it. They are removed before each write, and
 * drawn again only where a line begins. While a program draws on the terminal itself, there are none.
 */
export class BarArea {
  readonly #terminal: Writable;
  readonly #draw: ReturnType<typeof createLogUpdate>;
  readonly #hasColours: boolean;
  readonly #wrapsAgain: boolean;
  #bars: readonly Bar[] = [];
  #drawn: readonly string[] = [];
  /** In columns: how wide the terminal was for them. */
  #drawnFor = 0;
  #drawnAt = -Infinity;
  #isMidLine = false;
  #isDrawnByOthers = false;

  private constructor(terminal: Writable, environment: NodeJS.ProcessEnv) {
    this.#terminal = terminal;
    this.#hasColours = hasColours({ stdout: terminal, environment });
    // A hidden cursor would stay hidden if the process is killed.
    this.#draw = createLogUpdate(terminal as NodeJS.WriteStream, { showCursor: true });
    this.#wrapsAgain = wrapsAgain(environment);
    terminal.on('resize', () => this.#redraw());
  }

  /** Undefined if the stream is no terminal, or is one that cannot move its cursor. */
  static on(stream: Writable, environment: NodeJS.ProcessEnv): BarArea | undefined {
    const canMove = sizeOf(stream) !== undefined && environment['TERM'] !== 'dumb';
    return canMove ? new BarArea(stream, environment) : undefined;
  }

  /** Shows these bars from now on. */
  show(bars: readonly Bar[]): void {
    this.#bars = bars;
    this.#redraw();
  }

  /** Passes the bytes of a target on to a stream of this terminal, unchanged. */
  passTo(stream: Writable): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#hide();
        // Escape sequences can put the cursor, and the colour, anywhere.
        this.#isDrawnByOthers ||= chunk.includes(0x1b);
        this.#isMidLine = chunk.at(-1) !== 0x0a;
        stream.write(chunk, done);
        if (performance.now() - this.#drawnAt >= leastMs) this.#redraw();
      },
    });
  }

  /** Writes a line of ours. */
  writeLine(line: string): void {
    this.#hide();
    this.#terminal.write(`${this.#isMidLine ? '\n' : ''}${line}\n`);
    this.#isMidLine = false;
    this.#redraw();
  }

  /** No target draws on the terminal any more. */
  targetEnded(): void {
    this.#isDrawnByOthers = false;
  }

  #redraw(): void {
    const size = sizeOf(this.#terminal);
    if (size === undefined || this.#isMidLine || this.#isDrawnByOthers) return;
    if (this.#bars.length === 0) return this.#hide();
    if (size.columns !== this.#drawnFor) this.#hide();
    this.#drawn = barLines(this.#bars, { ...size, hasColours: this.#hasColours });
    this.#drawnFor = size.columns;
    this.#draw(this.#drawn.join('\n'));
    this.#drawnAt = performance.now();
  }

  #hide(): void {
    if (this.#drawn.length === 0) return;
    this.#draw.clear();
    // Of lines that the terminal has wrapped since, only the last rows are cleared so far.
    const more = this.#wrapsAgain ? rowsOf(this.#drawn, this.#terminal) - this.#drawn.length : 0;
    if (more > 0) this.#terminal.write(upAndErase.repeat(more));
    this.#drawn = [];
  }
}

const upAndErase = '\u001b[1A\u001b[2K';

/**
 * Whether the terminal wraps the lines that it shows when it gets narrower, as most do. xterm, GNU screen and the
 * console of Linux cut them.
 */
function wrapsAgain({ TMUX, XTERM_VERSION, STY, TERM }: NodeJS.ProcessEnv): boolean {
  if (TMUX !== undefined) return true;
  return XTERM_VERSION === undefined && STY === undefined && TERM !== 'linux';
}

/** How many rows lines take on the terminal as it is now. */
function rowsOf(lines: readonly string[], terminal: Writable): number {
  const columns = sizeOf(terminal)?.columns ?? Infinity;
  const rows = lines.map((line) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)));
  return rows.reduce((sum, some) => sum + some, 0);
}
