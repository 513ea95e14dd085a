import { Writable } from 'node:stream';
import { girderPage } from '../../api/girder-page.ts';
import { isRecord, textOf } from '../../api/json-values.ts';
import type { Report } from '../../api/report.ts';
import { type Phase, phaseMessages, type Result } from '../../api/status.ts';
import { harmless, sizeOf } from '../terminal-style.ts';
import { BarArea } from './bar-area.ts';
import { onThisMachine } from './exit-code.ts';
import { createLogger, type Logger } from '../../support/log.ts';

const thisMachine = 'this machine';
/** In the helper container, whose messages are read elsewhere. */
const enginesMachine = "the Docker Engine's machine";

export type PrinterOptions = {
  /** Says how a terminal is. */
  readonly environment?: NodeJS.ProcessEnv;
  /** False where another process shows the progress. */
  readonly hasBars?: boolean;
  /** What messages call the machine of the run. */
  readonly machine?: string;
};

/** @param engineSide what only a helper container has */
export function printerOptions(
  environment: NodeJS.ProcessEnv,
  engineSide: object | undefined,
): PrinterOptions {
  return engineSide === undefined ? { environment } : { machine: enginesMachine };
}

/**
 * Standard error, shared by the target and us: our lines start on a new line, even after an unfinished line. On a
 * terminal, bars stand below.
 */
export class Printer {
  /** Passes the target's bytes on unchanged. */
  readonly target: Writable;
  /** Undefined if lines say all. */
  readonly bars: BarArea | undefined;
  readonly #out: Writable;
  readonly #isQuiet: boolean;
  readonly #machine: string;
  #isMidLine = false;

  constructor(out: Writable, isQuiet: boolean, options: PrinterOptions = {}) {
    const { environment = {}, hasBars = true, machine = thisMachine } = options;
    this.#out = out;
    this.#isQuiet = isQuiet;
    this.#machine = machine;
    this.bars = isQuiet || !hasBars ? undefined : BarArea.on(out, environment);
    this.target = this.bars?.passTo(out) ?? this.#passOn();
  }

  #passOn(): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#isMidLine = chunk.at(-1) !== 0x0a;
        this.#out.write(chunk, done);
      },
    });
  }

  /** The target's standard output may be the terminal that has the bars. */
  targetOutput(stdout: Writable): Writable {
    return sizeOf(stdout) === undefined ? stdout : (this.bars?.passTo(stdout) ?? stdout);
  }

  /** Prints a line unless --quiet is set. */
  print(line: string): void {
    if (!this.#isQuiet) this.warn(line);
  }

  /** Prints a line even if --quiet is set. */
  warn(line: string): void {
    const plain = harmless(line.replaceAll(thisMachine, this.#machine));
    if (this.bars !== undefined) return this.bars.writeLine(`dockerrun: ${plain}`);
    this.#out.write(`${this.#isMidLine ? '\n' : ''}dockerrun: ${plain}\n`);
    this.#isMidLine = false;
  }
}

/** A logger that prints warnings as plain lines instead of JSON. */
export function plainLog(printer: Printer): Logger {
  return createLogger('warn', { write: (json) => printer.print(plainLine(json)) });
}

const omittedFields = new Set(['level', 'time', 'stack', 'msg']);
/** Fields that follow the text without their names. */
const causes = ['kept', 'error'];

/** Formats a log entry as "message (subject, other fields): cause". */
function plainLine(json: string): string {
  const entry: unknown = JSON.parse(json);
  if (!isRecord(entry)) return json.trim();
  const { subject, ...rest } = entry;
  const others = Object.entries(rest).filter(([name]) => !omittedFields.has(name) && !causes.includes(name));
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

/** A progress line is printed after this time or this many percent, whichever is first. */
const everyMs = 2_000;
const everyPercent = 10;

const phaseTexts: Partial<Record<Phase, string>> = {
  Preparing: 'pulling the image and downloading the inputs',
  Running: 'running the target',
  Uploading: 'the target ended; uploading the results',
};

/** Progress messages that add nothing to the line of the phase. */
const phaseOnly = new Set<string>(Object.values(phaseMessages));

/** Turns frequent reports into few lines: one for each phase, and progress at a limited rate. */
export class ThrottledProgress {
  #phase: Phase | undefined;
  #lastLine = '';
  #lastLineAt = -Infinity;
  #percent = 0;

  /** The lines to print now; `now` is in milliseconds on a monotonic clock. */
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
    const { percent } = progress;
    const message = onThisMachine(progress.message);
    const line = percent === undefined ? message : `${message} (${percent} %)`;
    const isStep = Math.abs((percent ?? 0) - this.#percent) >= everyPercent;
    if (line === this.#lastLine || (!isStep && now - this.#lastLineAt < everyMs)) return [];
    this.#lastLine = line;
    this.#lastLineAt = now;
    this.#percent = percent ?? 0;
    return [line];
  }
}

/** A line for each result in the report, and one that counts the others, which only Girder lists. */
export function resultLines(results: readonly Result[], resultCount: number, apiUrl?: string): string[] {
  const others = resultCount - results.length;
  return [
    ...results.map((result) => resultLine(result, apiUrl)),
    ...(others > 0 ? [`and ${others} more, ${resultCount} results in all`] : []),
  ];
}

function resultLine({ name, itemId, fileId, size }: Result, apiUrl = ''): string {
  const page = girderPage(apiUrl, `item/${itemId}`);
  const where = page === undefined ? '' : `, ${page}`;
  return `result ${name}: file ${fileId} in item ${itemId} (${size} bytes)${where}`;
}
