import type { ProgressLine } from './progress-lines.ts';

/**
 * The progress that the command-line modules of 3D Slicer write to their standard output, and slicer_cli_web reads there
 * (https://www.slicer.org/wiki/Documentation/Nightly/Developers/SlicerExecutionModel#Showing_Progress_in_an_Application).
 */

/** `blocks` hold other elements and any text; the content of all others ends at the next tag. */
const blocks = ['start', 'end'] as const;
const names = [...blocks, 'name', 'comment', 'time', 'stage-progress', 'progress'] as const;
type Name = (typeof names)[number];

type Tag = { readonly name: Name; readonly isEnd: boolean };

const tags: ReadonlyMap<string, Tag> = new Map(
  names.flatMap((name): [string, Tag][] => [
    [`<filter-${name}>`, { name, isEnd: false }],
    [`</filter-${name}>`, { name, isEnd: true }],
  ]),
);

const beginnings: ReadonlySet<string> = new Set(
  [...tags.keys()].flatMap((tag) => Array.from(tag, (_, index) => tag.slice(0, index + 1))),
);

/** In bytes: an element that is longer is no element, and stays in the log. */
export const longestElement = 64 * 1024;

/** In characters; what shows the message cuts it further. */
const longestText = 1024;

const isSpace = (character: string) => ' \t\n\r\f\v'.includes(character);

type Update = { name?: string; comment?: string; progress?: number };

/**
 * Takes the elements, with the white space behind them, out of a target's output. An element whose end is missing is held
 * until its end comes, or the end of the output, or until it is too long; each byte is looked at a bounded number of times.
 */
export class SlicerTags {
  readonly #onProgress: (line: ProgressLine) => void;
  #name = 'Unknown';
  #comment = '';
  #elements = new Elements();

  constructor(onProgress: (line: ProgressLine) => void) {
    this.#onProgress = onProgress;
  }

  /** Returns what stays in the log. The chunk may start and end anywhere. */
  write(chunk: Buffer): Buffer {
    if (this.#elements.isIdle && !chunk.includes('<')) return chunk;
    // One character for each byte, so that the bytes that stay are those of the target.
    const text = this.#elements.take(chunk.toString('latin1'));
    this.#report(this.#elements.updates);
    return Buffer.from(text, 'latin1');
  }

  /** Returns what was held. Called at the end of the output, or where it was interrupted. */
  end(): Buffer {
    return Buffer.from(this.#elements.end(), 'latin1');
  }

  /** Of one chunk, the last progress counts, with the last texts. */
  #report(updates: readonly Update[]): void {
    let current: number | undefined;
    for (const { name = this.#name, comment = this.#comment, progress = current } of updates) {
      [this.#name, this.#comment, current] = [name, comment, progress];
    }
    const message = this.#comment === '' ? this.#name : this.#comment;
    if (current !== undefined) this.#onProgress({ message, current, total: 1 });
  }
}

/** Splits text into elements and the rest, whatever the pieces in which it comes. */
class Elements {
  /** The beginning of what may become a tag. */
  #tag = '';
  /** The element whose end has not come, as it was written. */
  #open: { readonly name: Name; readonly pieces: string[]; length: number } | undefined;
  #skipsSpace = false;
  #out: string[] = [];
  #updates: Update[] = [];

  /** Whether nothing is held or awaited. */
  get isIdle(): boolean {
    return this.#tag === '' && this.#open === undefined && !this.#skipsSpace;
  }

  /** What the elements say that the last call of {@link take} completed. */
  get updates(): readonly Update[] {
    return this.#updates;
  }

  take(text: string): string {
    this.#updates = [];
    for (let at = 0; at < text.length;) at = this.#step(text, at);
    return this.#flush();
  }

  end(): string {
    const tag = this.#tag;
    this.#tag = '';
    this.#release();
    this.#out.push(tag);
    return this.#flush();
  }

  #flush(): string {
    const out = this.#out.join('');
    this.#out = [];
    return out;
  }

  /** Handles the text at a position, and returns the next position. */
  #step(text: string, at: number): number {
    const character = text.charAt(at);
    if (this.#skipsSpace) {
      if (isSpace(character)) return at + 1;
      this.#skipsSpace = false;
    }
    if (this.#tag !== '') return this.#stepInTag(character, at);
    if (character === '<') {
      this.#tag = character;
      return at + 1;
    }
    const next = text.indexOf('<', at);
    const end = next === -1 ? text.length : next;
    this.#put(text.slice(at, end));
    return end;
  }

  #stepInTag(character: string, at: number): number {
    const tag = this.#tag + character;
    if (!beginnings.has(tag)) {
      const text = this.#tag;
      this.#tag = '';
      this.#putText(text);
      return at;
    }
    const whole = tags.get(tag);
    this.#tag = whole === undefined ? tag : '';
    if (whole !== undefined) this.#putTag(tag, whole);
    return at + 1;
  }

  #putTag(tag: string, { name, isEnd }: Tag): void {
    const open = this.#open;
    if (isEnd && open?.name === name) this.#complete(open.name, open.pieces.slice(1).join(''));
    else if (isEnd || (open !== undefined && isBlock(open.name))) this.#putText(tag);
    else {
      this.#release();
      this.#open = { name, pieces: [tag], length: tag.length };
    }
  }

  /** Text with a `<`, which ends an element that is not a block. */
  #putText(text: string): void {
    if (this.#open !== undefined && !isBlock(this.#open.name)) this.#release();
    this.#put(text);
  }

  #put(text: string): void {
    if (this.#open === undefined) {
      this.#out.push(text);
      return;
    }
    this.#open.pieces.push(text);
    this.#open.length += text.length;
    if (this.#open.length > longestElement) this.#release();
  }

  /** What was held is text after all. */
  #release(): void {
    if (this.#open !== undefined) this.#out.push(this.#open.pieces.join(''));
    this.#open = undefined;
  }

  #complete(name: Name, content: string): void {
    this.#open = undefined;
    this.#skipsSpace = true;
    if (isBlock(name)) {
      // A block in a block has another name, so they are two deep at most.
      const inner = new Elements();
      inner.take(content);
      this.#updates.push(...inner.updates);
    } else this.#updates.push(updateOf(name, content));
  }
}

function isBlock(name: Name): boolean {
  return blocks.some((block) => block === name);
}

function updateOf(name: Name, content: string): Update {
  const text = decoded(Buffer.from(content, 'latin1').toString('utf8')).trim().slice(0, longestText);
  if (name === 'name') return { name: text };
  if (name === 'comment') return { comment: text };
  const progress = text === '' ? Number.NaN : Number(text);
  return name === 'progress' && Number.isFinite(progress) ? { progress } : {};
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** With the entities of XML decoded, each once. */
function decoded(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (whole, entity: string) => entities[entity] ?? whole);
}
