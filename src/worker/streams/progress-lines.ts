import { StringDecoder } from 'node:string_decoder';
import { defined, parseJson } from '../../api/json-values.ts';
import { isRecord, numberOf, textOf } from '../../support/narrow.ts';
import type { RunContext } from '../context.ts';

/** What a target says of its progress; a line may leave out what has not changed. */
export type ProgressLine = { message?: string; current?: number; total?: number };

/** A line longer than this, in characters, is not from somebody who knows the protocol. */
const longestLine = 64 * 1024;

/**
 * Reads the protocol of a progress pipe: UTF-8, a JSON object a line, the last one with or without its line end.
 * What is no JSON object is ignored, as Girder Worker does.
 */
export class ProgressLines {
  readonly #onLine: (line: ProgressLine) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #isTooLong = false;

  constructor(onLine: (line: ProgressLine) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes, which may begin and end anywhere. */
  write(chunk: Buffer): undefined {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split('\n');
    const rest = pieces.pop() ?? '';
    for (const piece of pieces) this.#take(piece);
    this.#isTooLong ||= rest.length > longestLine;
    this.#rest = this.#isTooLong ? '' : rest;
  }

  /** The stream has ended: what came last is a line too. */
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

/** Reports each line to the run's status and its Girder job; what a line leaves out stays as it was. */
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
