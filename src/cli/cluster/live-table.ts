import type { Terminal } from '../terminal.ts';
import { objectTable } from './object-table.ts';
import { stateLine } from './run-ends.ts';
import { isSet, nameOfStored, plain, type StoredObject } from './stored-object.ts';
import { colouredPhases, sizeOf } from '../terminal-style.ts';

/** Ages advance so often, and changes wait at most so long. */
const redrawMs = 1_000;
const soonMs = 100;

/** Shows objects as they change: a table that is drawn over itself on a terminal, and lines elsewhere. */
export class LiveView implements Disposable {
  readonly #terminal: Terminal;
  readonly #hasNamespace: boolean;
  readonly #lastLines = new Map<string, string>();
  #objects: readonly StoredObject[] = [];
  #drawnLines = 0;
  #soon: NodeJS.Timeout | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, { hasNamespace }: { readonly hasNamespace: boolean }) {
    this.#terminal = terminal;
    this.#hasNamespace = hasNamespace;
    if (sizeOf(terminal.stdout) !== undefined) this.#timer = setInterval(() => this.#draw(), redrawMs);
  }

  show(all: ReadonlyMap<string, StoredObject>, key: string): void {
    this.#objects = [...all.values()];
    if (this.#timer === undefined) this.#printLine(key, all.get(key));
    else this.#soon ??= setTimeout(() => this.#draw(), soonMs);
  }

  /** Only what differs from the last line of the same object. */
  #printLine(key: string, object: StoredObject | undefined): void {
    const name = this.#hasNamespace ? key : key.split('/').slice(1).join('/');
    const line = `${name} ${object === undefined ? 'was deleted' : plain(stateLine(object))}`;
    if (this.#lastLines.get(key) === line) return;
    this.#lastLines.set(key, line);
    this.#terminal.stdout.write(`${new Date().toISOString().slice(0, 19)}Z ${line}\n`);
  }

  #draw(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const size = sizeOf(this.#terminal.stdout);
    if (size === undefined) return;
    const lines = viewLines(this.#objects, { ...size, hasNamespace: this.#hasNamespace, now: Date.now() });
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}F` : '';
    const text = colouredPhases(lines, this.#terminal).map((line) => `${line}\u001b[K\n`);
    this.#terminal.stdout.write(`${up}${text.join('')}\u001b[J`);
    this.#drawnLines = lines.length;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#timer !== undefined) this.#draw();
    clearTimeout(this.#soon);
  }
}

type View = {
  readonly columns: number;
  readonly rows: number;
  readonly hasNamespace: boolean;
  readonly now: number;
};

/** The tables of runs and sets, cut to the terminal; below a single object is what it is doing. */
export function viewLines(objects: readonly StoredObject[], view: View): string[] {
  const { columns, rows } = view;
  const sorted = objects.toSorted((a, b) => nameOfStored(a).localeCompare(nameOfStored(b)));
  const table = (kind: 'run' | 'set') => {
    const own = sorted.filter((object) => isSet(object) === (kind === 'set'));
    return own.length === 0 ? [] : objectTable(own, { ...view, kind, isWide: false, columns: columns - 1 });
  };
  const [only, second] = sorted;
  const detail =
    only === undefined || second !== undefined ? [] : [cutLine(plain(stateLine(only)), columns - 1)];
  const all = [...table('run'), ...table('set'), ...detail];
  if (all.length === 0) return ['waiting for the first one'];
  // The last row of a terminal is for the cursor.
  const most = Math.max(2, rows - 1);
  return all.length <= most ? all : [...all.slice(0, most - 1), `and ${all.length - most + 1} more`];
}

function cutLine(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}
