import { isRecord, textOf } from '../../api/json-values.ts';
import { UnexpectedResponse } from '../documents.ts';

export const jobStatus = {
  inactive: 0,
  queued: 1,
  running: 2,
  success: 3,
  error: 4,
  canceled: 5,
  canceling: 824,
} as const;

/** The states that a run sets. Girder cannot cancel a job in one of the states 820 to 823. */
export type SettableStatus = 2 | 3 | 4 | 5;

/** True when the job was cancelled in Girder, or is being cancelled. */
export function isCancel(status: number): boolean {
  return status === jobStatus.canceling || status === jobStatus.canceled;
}

/** True for the states that a job never leaves. */
export function isFinal(status: number): boolean {
  return status >= jobStatus.success && status <= jobStatus.canceled;
}

/**
 * The next state to set on the way to `wanted`, or undefined. In Girder, a job succeeds or fails only after
 * it ran, and cannot succeed once it is being cancelled.
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

/**
 * The fields of a Girder job that are used; `updated` is the time of its last change, in milliseconds since
 * 1970.
 */
export type JobState = { readonly status: number; readonly updated: number };

/** @throws UnexpectedResponse */
export function parseJobState(value: unknown): JobState {
  if (!isRecord(value) || !Number.isInteger(value['status'])) {
    throw new UnexpectedResponse('expected a job with a status');
  }
  // Right after a change Girder returns more digits than it stores; a date in JavaScript keeps only those.
  return { status: Number(value['status']), updated: Date.parse(textOf(value['updated']) ?? '') || 0 };
}

/** The parts of the log, which only a GET returns; the first ones of a long log are gone. @throws UnexpectedResponse */
export function parseLog(value: unknown): readonly string[] {
  if (!isRecord(value)) throw new UnexpectedResponse('expected a job');
  const parts: readonly unknown[] = Array.isArray(value['log']) ? value['log'] : [];
  return parts.filter((part) => typeof part === 'string');
}

export type JobProgress = { readonly message?: string; readonly current?: number; readonly total?: number };

/** Parameters of Girder's route for a job. */
export type ProgressForm = {
  progressMessage?: string;
  progressCurrent?: number;
  progressTotal?: number;
};

/** Characters: longer messages do not fit under Girder's progress bar. */
const maxMessageLength = 500;

/** The progress that Girder should show, and what it has: only the difference is sent. */
export class ProgressChanges {
  #wanted: ProgressForm = {};
  #known: ProgressForm = {};

  set({ message, current, total }: JobProgress): void {
    if (message !== undefined) this.#wanted.progressMessage = message.slice(0, maxMessageLength);
    if (Number.isFinite(current)) this.#wanted.progressCurrent = Number(current);
    if (Number.isFinite(total)) this.#wanted.progressTotal = Number(total);
  }

  get isEmpty(): boolean {
    return Object.keys(this.changes()).length === 0;
  }

  /** The fields to send. */
  changes(): ProgressForm {
    const known: Readonly<Record<string, unknown>> = this.#known;
    return Object.fromEntries(Object.entries(this.#wanted).filter(([name, value]) => known[name] !== value));
  }

  /** Call when Girder has stored these fields. */
  sent(form: ProgressForm): void {
    this.#known = { ...this.#known, ...form };
  }
}
