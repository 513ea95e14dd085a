import { StringDecoder } from 'node:string_decoder';
import { defined, isRecord, numberOf, parseJson, textOf } from '../../api/json-values.ts';
import type { RunContext } from '../context.ts';

/** One line of a progress pipe; it may leave out what has not changed. */
export type ProgressLine = { message?: string; current?: number; total?: number };

/** In characters. A longer line does not follow the protocol and is ignored. */
export const longestLine = 64 * 1024;

/**
 * Parses the protocol of a progress pipe: UTF-8, one JSON object per line, the last one with or without a
 * line end. As in Girder Worker, a line that is not a JSON object is ignored.
 */
export class ProgressLines {
  readonly #onLine: (line: ProgressLine) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #isTooLong = false;

  constructor(onLine: (line: ProgressLine) => void) {
    this.#onLine = onLine;
  }

  /** The chunk may start and end anywhere, also within a character. */
  write(chunk: Buffer): undefined {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split('\n');
    const rest = pieces.pop() ?? '';
    for (const piece of pieces) this.#take(piece);
    this.#isTooLong ||= rest.length > longestLine;
    this.#rest = this.#isTooLong ? '' : rest;
  }

  /** Called at the end of the stream, for a last line without a line end. */
  end(): void {
    this.#take(this.#rest + this.#decoder.end());
    this.#rest = '';
  }

  #take(text: string): void {
    const wasTooLong = this.#isTooLong;
    this.#isTooLong = false;
    const line = wasTooLong || text.length > longestLine ? undefined : parseLine(text);
    if (line !== undefined) this.#onLine(line);
  }
}

/** Passes each line to the run's report and its Girder job. */
export function progressReporter({ report, girderJob }: RunContext): (line: ProgressLine) => void {
  return (line) => {
    report.targetProgress(line);
    girderJob?.progress(line);
  };
}

function parseLine(text: string): ProgressLine | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  return defined({
    message: textOf(value['message']),
    current: numberOf(value['current']),
    total: numberOf(value['total']),
  });
}
