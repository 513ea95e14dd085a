import { type FailureReason, failureReasons } from '../api/reasons.ts';

/**
 * A failure that was classified where it happened, at the boundary to Docker, Girder or Kubernetes.
 * `message` says what and where in one sentence; `mend` (from the table of reasons) says what to do.
 */
export class RunError extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, options?: { cause?: unknown }) {
    super(cutMiddle(message), options);
    this.name = 'RunError';
    this.reason = reason;
  }

  /** The sentence for status and Events: what, where, and how to mend it. */
  get sentence(): string {
    return `${capitalized(this.message).replace(/[.\s]+$/, '')}. ${failureReasons[this.reason].remedy}`;
  }
}

/** What others say can be of any length, and a status has to be stored. */
const longestMessage = 1000;

function cutMiddle(text: string): string {
  if (text.length <= longestMessage) return text;
  const half = Math.floor(longestMessage / 2);
  return `${text.slice(0, half)} … ${text.slice(-half)}`;
}

/** Begins a sentence, unless it begins with the path of a field. */
function capitalized(text: string): string {
  return text.startsWith('spec.') ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/** Turns whatever was thrown into a RunError; what nobody classified is a defect of ours. */
export function toRunError(error: unknown): RunError {
  if (error instanceof RunError) return error;
  return new RunError('WorkerFailed', describe(error), { cause: error });
}

/** Calls `handle` for every error that nothing caught, which is a defect of ours; Node does not end the process then. */
export function onUncaughtError(handle: (defect: RunError) => void): void {
  const onError = (error: unknown) => handle(new RunError('WorkerFailed', describe(error), { cause: error }));
  process.on('uncaughtException', onError).on('unhandledRejection', onError);
}

/** One line for any thrown value, with the code of a system error, and never its request (headers carry tokens). */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const text = error.message || error.name;
  return code !== undefined && !text.includes(code) ? `${text} (${code})` : text;
}

/** What was thrown, or the reason of a signal, as an Error: either can be any value. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The `code` of a system or library error (`ENOENT`, `ECONNRESET`…), if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
