import { isRecord, textOf } from '../../support/narrow.ts';
import { UnexpectedAnswer } from '../documents.ts';

export const jobStatus = {
  inactive: 0,
  queued: 1,
  running: 2,
  success: 3,
  error: 4,
  canceled: 5,
  canceling: 824,
} as const;

/** The only states a run sets: with any of 820 to 823 Girder could not cancel the job any more. */
export type SettableStatus = 2 | 3 | 4 | 5;

/** True when somebody cancelled the job in Girder, whether or not that is over. */
export function isCancel(status: number): boolean {
  return status === jobStatus.canceling || status === jobStatus.canceled;
}

/** True for the states that no job leaves again. */
export function isFinal(status: number): boolean {
  return status >= jobStatus.success && status <= jobStatus.canceled;
}

/**
 * The state to ask for next on the way to `wanted`, or undefined when there is none: Girder lets a job succeed or
 * fail only when it ran, and once it is being cancelled it can no longer succeed.
 */
export function nextStatus(current: number, wanted: SettableStatus): SettableStatus | undefined {
  if (current === wanted || isFinal(current)) return undefined;
  if (current === jobStatus.canceling) {
    if (wanted === jobStatus.running) return undefined;
    return wanted === jobStatus.error ? wanted : jobStatus.canceled;
  }
  const hasRun = current !== jobStatus.inactive && current !== jobStatus.queued;
  return hasRun || wanted === jobStatus.canceled ? wanted : jobStatus.running;
}

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

export type JobProgress = { readonly message?: string; readonly current?: number; readonly total?: number };

/** Parameters of Girder's job route. */
export type ProgressForm = {
  progressMessage?: string;
  progressCurrent?: number;
  progressTotal?: number;
};

/** Longer messages do not fit under Girder's bar. */
const longestMessage = 500;

/** The progress Girder should show, and the one it knows: only the difference is sent. */
export class ProgressChanges {
  #wanted: ProgressForm = {};
  #known: ProgressForm = {};

  set({ message, current, total }: JobProgress): void {
    if (message !== undefined) this.#wanted.progressMessage = message.slice(0, longestMessage);
    if (Number.isFinite(current)) this.#wanted.progressCurrent = Number(current);
    if (Number.isFinite(total)) this.#wanted.progressTotal = Number(total);
  }

  get isEmpty(): boolean {
    return Object.keys(this.changes()).length === 0;
  }

  /** The fields that Girder does not know yet. */
  changes(): ProgressForm {
    const known: Readonly<Record<string, unknown>> = this.#known;
    return Object.fromEntries(Object.entries(this.#wanted).filter(([name, value]) => known[name] !== value));
  }

  /** Girder knows these fields now. */
  sent(form: ProgressForm): void {
    this.#known = { ...this.#known, ...form };
  }
}
