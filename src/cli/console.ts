import { Writable } from 'node:stream';
import type { Report } from '../api/report.ts';
import { type Phase, phaseMessages, type Result } from '../api/status.ts';
import { createLogger, type Logger } from '../support/log.ts';
import { isRecord, textOf } from '../support/narrow.ts';

/**
 * Standard error, which the target's bytes and our lines share: each line of ours begins at the beginning of a line,
 * even if the target's last one has no end yet.
 */
export class Console {
  /** Takes the target's bytes, and passes them on as they are. */
  readonly target: Writable;
  readonly #out: Writable;
  readonly #isQuiet: boolean;
  #isMidLine = false;

  constructor(out: Writable, isQuiet: boolean) {
    this.#out = out;
    this.#isQuiet = isQuiet;
    this.target = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#isMidLine = chunk.at(-1) !== 0x0a;
        out.write(chunk, done);
      },
    });
  }

  /** Prints a line about how it goes. */
  say(line: string): void {
    if (!this.#isQuiet) this.warn(line);
  }

  /** Prints a line that nobody should miss. */
  warn(line: string): void {
    // What others say can hold control characters, and a terminal would obey them.
    const plain = line
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}')
      .replaceAll('\n', ' ');
    this.#out.write(`${this.#isMidLine ? '\n' : ''}dockerrun: ${plain}\n`);
    this.#isMidLine = false;
  }
}

/** A log for people: warnings of the run's parts as plain lines. */
export function plainLog(speaker: Console): Logger {
  return createLogger('warn', { write: (json) => speaker.say(plainLine(json)) });
}

/** Fields that say when and how loud, or that only a developer can read. */
const unsaid = new Set(['level', 'time', 'stack', 'msg']);
/** Fields that follow the text as they are, without their names. */
const causes = ['kept', 'error'];

/** An entry of the log as one line: its text, what it is about in brackets, and after a colon what came of it or why. */
function plainLine(json: string): string {
  const entry: unknown = JSON.parse(json);
  if (!isRecord(entry)) return json.trim();
  const { subject, ...rest } = entry;
  const others = Object.entries(rest).filter(([name]) => !unsaid.has(name) && !causes.includes(name));
  const about = [subject, ...others.map(([name, value]) => `${name} ${plainValue(value)}`)].map(plainValue);
  const why = causes.map((name) => plainValue(entry[name])).filter((text) => text !== '');
  const brackets = about.filter((text) => text !== '').join(', ');
  const text = `${textOf(entry['msg']) ?? 'warning'}${brackets === '' ? '' : ` (${brackets})`}`;
  return [text, ...why].join(': ');
}

function plainValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(plainValue).join(', ') : JSON.stringify(value);
}

const everyMs = 2_000;
const everyPercent = 10;

const phaseTexts: Partial<Record<Phase, string>> = {
  Preparing: 'pulling the image and downloading the inputs',
  Running: 'the target runs',
  Uploading: 'the target ended; uploading the results',
};

/** What the worker says of a phase in which nothing more is known. */
const phaseOnly = new Set<string>(Object.values(phaseMessages));

/** Turns reports that come often into lines that come seldom: each phase once, and progress as it is worth it. */
export class ProgressLines {
  #phase: Phase | undefined;
  #said = '';
  #saidAt = -Infinity;
  #percent = 0;

  /** The lines to print now; `now` is a clock in milliseconds. */
  next(report: Report, now: number): string[] {
    return [...this.#phaseLine(report), ...this.#progressLine(report, now)];
  }

  #phaseLine({ phase, target }: Report): string[] {
    if (phase === this.#phase || phase === undefined) return [];
    this.#phase = phase;
    this.#percent = 0;
    const text = phaseTexts[phase] ?? phase;
    const id = phase === 'Running' ? target?.containerID : undefined;
    return [id === undefined ? text : `${text} (container ${id.slice(0, 12)})`];
  }

  #progressLine({ progress }: Report, now: number): string[] {
    if (progress === undefined || phaseOnly.has(progress.message)) return [];
    const { message, percent } = progress;
    const line = percent === undefined ? message : `${message} (${percent} %)`;
    const isStep = Math.abs((percent ?? 0) - this.#percent) >= everyPercent;
    if (line === this.#said || (!isStep && now - this.#saidAt < everyMs)) return [];
    this.#said = line;
    this.#saidAt = now;
    this.#percent = percent ?? 0;
    return [line];
  }
}

/** A line for each result that a report lists, and one for the rest, of which Girder has the list. */
export function resultLines(results: readonly Result[], resultCount: number): string[] {
  const others = resultCount - results.length;
  return [
    ...results.map(resultLine),
    ...(others > 0 ? [`and ${others} more, ${resultCount} results in all`] : []),
  ];
}

function resultLine({ name, itemId, fileId, size }: Result): string {
  return `result ${name}: file ${fileId} in item ${itemId} (${size} bytes)`;
}
