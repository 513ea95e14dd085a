import type { Report } from '../api/report.ts';
import { type Phase, phaseMessages, type Result } from '../api/status.ts';

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
