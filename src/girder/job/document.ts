import { isRecord, textOf } from '../../support/narrow.ts';
import { UnexpectedAnswer } from '../documents.ts';

/** A job of Girder, as much of it as is used; `updated` is in milliseconds and changes with every change of it. */
export type JobState = { readonly status: number; readonly updated: number };

/** The state of a job in an answer of Girder. @throws UnexpectedAnswer */
export function parseJobState(value: unknown): JobState {
  if (!isRecord(value) || !Number.isInteger(value['status'])) {
    throw new UnexpectedAnswer('a job with a status was expected');
  }
  // Girder tells more digits right after a change than it stores; a date in JavaScript has no more than those.
  return { status: Number(value['status']), updated: Date.parse(textOf(value['updated']) ?? '') || 0 };
}

/** The part of the log that was added last; only a GET tells the log. */
export function parseLastLog(value: unknown): string | undefined {
  if (!isRecord(value)) throw new UnexpectedAnswer('a job was expected');
  const parts: readonly unknown[] = Array.isArray(value['log']) ? value['log'] : [];
  const last = parts.at(-1);
  return typeof last === 'string' ? last : undefined;
}
