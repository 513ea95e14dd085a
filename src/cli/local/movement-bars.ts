import { styleText } from 'node:util';
import { durationText } from '../../support/age-text.ts';
import { bytesText } from '../../support/byte-text.ts';
import { harmless } from '../terminal-style.ts';
import type { Movement } from '../../worker/progress.ts';

/** One line at the bottom of the terminal. */
export type Bar = {
  readonly label: string;
  /** From 0 to 1; undefined if the end is not known. */
  readonly part: number | undefined;
  /** Stands where the bar would be if there is none. */
  readonly text: string;
  /** Such as the rate; the last are left out first on a narrow terminal. */
  readonly facts: readonly string[];
};

export type BarLayout = { readonly columns: number; readonly rows: number; readonly hasColours: boolean };

const verbs: Readonly<Record<Movement['kind'], string>> = {
  pull: 'pulling',
  download: 'downloading',
  upload: 'uploading',
  stream: 'streaming',
};

/** In milliseconds: a rate is that of the last seconds. */
const rateWindowMs = 5_000;
/** In milliseconds: the rate of a shorter time is only noise. */
const leastSpanMs = 1_000;

type Sample = { readonly at: number; readonly bytes: number };

/** Makes bars of movements, and remembers how fast they are. */
export class MovementBars {
  #samples = new Map<string, readonly Sample[]>();

  /** `now` is in milliseconds on a monotonic clock. */
  next(movements: readonly Movement[], now: number): Bar[] {
    const before = this.#samples;
    this.#samples = new Map();
    return movements.map((movement) => {
      const { kind, name, bytes } = movement;
      const key = `${kind} ${name}`;
      const samples = [...recent(before.get(key) ?? [], { at: now, bytes }), { at: now, bytes }];
      this.#samples.set(key, samples);
      return barOf(movement, rateOf(samples));
    });
  }
}

/** A transfer that began again has fewer bytes than before. */
function recent(samples: readonly Sample[], { at, bytes }: Sample): readonly Sample[] {
  if ((samples.at(-1)?.bytes ?? 0) > bytes) return [];
  return samples.filter((sample) => sample.at >= at - rateWindowMs);
}

/** In bytes per second. */
function rateOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < leastSpanMs) return undefined;
  return Math.round(((last.bytes - first.bytes) * 1000) / (last.at - first.at));
}

function barOf(movement: Movement, rate: number | undefined): Bar {
  const { kind, name, bytes, totalBytes = 0, message = '' } = movement;
  const label = `${verbs[kind]} ${name}`;
  const speed = rate === undefined || bytes === 0 ? '' : `${bytesText(rate)}/s`;
  if (totalBytes <= 0) return { label, part: undefined, text: countText(movement), facts: ['', speed] };
  const part = Math.min(1, bytes / totalBytes);
  const amount = `${percentOf(part)} of ${bytesText(totalBytes)}`;
  // The engine unpacks a layer after all of it has arrived.
  if (part === 1) return { label, part: kind === 'pull' ? undefined : part, text: message, facts: [amount] };
  return {
    label,
    part,
    text: '',
    facts: [amount, steady(speed), steady(leftText(totalBytes - bytes, rate))],
  };
}

function countText({ bytes, files, message = '' }: Movement): string {
  const counted = files > 0 ? [`${files} ${files === 1 ? 'file' : 'files'}`] : [];
  return bytes > 0 ? [bytesText(bytes), ...counted].join(', ') : message;
}

/** A bar of something that is measured in percent only. */
export function percentBar(label: string, percent: number): Bar {
  return { label, part: percent / 100, text: '', facts: [percentOf(percent / 100)] };
}

const percentOf = (part: number) => `${String(Math.floor(part * 100)).padStart(3)} %`;

/** Of the longest usual rate and time, so that the bar keeps its width while they change. */
const steady = (text: string) => text.padEnd('999.9 MB/s'.length);

function leftText(bytes: number, rate: number | undefined): string {
  return rate === undefined || rate <= 0 ? '' : `${durationText(Math.ceil(bytes / rate))} left`;
}

/** In columns. */
const widest = { bar: 40, gap: 2 } as const;
const narrowest = { bar: 8 } as const;
/** More bars than this are counted. */
const mostBars = 8;

/** The lines of the bars, none wider than the terminal less one column, and fewer than it has rows. */
export function barLines(bars: readonly Bar[], { columns, rows, hasColours }: BarLayout): string[] {
  const most = Math.max(1, Math.min(mostBars, rows - 2));
  const shown = (bars.length <= most ? bars : bars.slice(0, most - 1)).map((bar) => ({
    ...bar,
    label: oneLine(bar.label),
    text: oneLine(bar.text),
  }));
  const others = bars.length - shown.length;
  // A terminal may break the line after its last column.
  const width = columns - 1;
  const lines = layOut(shown, width, hasColours);
  return others === 0 ? lines : [...lines, cut(`and ${others} more`, width)];
}

function layOut(bars: readonly Bar[], width: number, hasColours: boolean): string[] {
  const label = Math.min(longestOf(bars.map((bar) => bar.label)), Math.floor(width * 0.35));
  const facts = fitting(bars, width - label - widest.gap);
  const room = width - label - widest.gap - facts.width;
  const cell = Math.min(widest.bar, room);
  return bars.map((bar, index) => {
    const first = fill(bar.label, label);
    const own = facts.texts[index] ?? '';
    if (cell < narrowest.bar) return cut(`${first}  ${own.trim()}`, width).trimEnd();
    return `${first}  ${cellOf(bar, cell, hasColours)}${own}`.trimEnd();
  });
}

/** As many columns of facts as leave room for a bar; the first is always there. */
function fitting(bars: readonly Bar[], width: number): { texts: readonly string[]; width: number } {
  const count = Math.max(0, ...bars.map(({ facts }) => facts.length));
  for (let kept = count; ; kept -= 1) {
    const columns = Array.from({ length: kept }, (_, at) =>
      longestOf(bars.map(({ facts }) => facts[at] ?? '')),
    );
    const texts = bars.map(({ facts }) =>
      columns.map((column, at) => (column === 0 ? '' : `  ${(facts[at] ?? '').padEnd(column)}`)).join(''),
    );
    const used = longestOf(texts);
    if (kept <= 1 || width - used >= narrowest.bar) return { texts, width: used };
  }
}

function cellOf({ part, text }: Bar, width: number, hasColours: boolean): string {
  if (part === undefined) return fill(text, width);
  const full = Math.floor(part * width);
  const done = '█'.repeat(full);
  const bar = hasColours && full > 0 ? styleText('cyan', done, { validateStream: false }) : done;
  return `${bar}${'░'.repeat(width - full)}`;
}

const longestOf = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length));

/** A tab is wider than one column. */
const oneLine = (text: string) => harmless(text).replaceAll('\t', ' ');

const fill = (text: string, width: number) => cut(text, width).padEnd(width);

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
