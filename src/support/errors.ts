import { type FailureReason, failureReasons } from '../api/reasons.ts';

/**
 * A failure that was classified where it happened, at the boundary to Docker, Girder or Kubernetes. `message`
 * says what happened to what, in one sentence of at most 1000 characters; the remedy is that of the table of
 * reasons, unless the case is one that it cannot help.
 */
export class RunError extends Error {
  readonly reason: FailureReason;
  readonly #remedy: string;

  constructor(reason: FailureReason, message: string, options?: { cause?: unknown; remedy?: string }) {
    super(cutMiddle(message), options);
    this.name = 'RunError';
    this.reason = reason;
    this.#remedy = options?.remedy ?? failureReasons[reason].remedy;
  }

  /** The message for status and Events: what happened, to what, and what to do. */
  get sentence(): string {
    return `${this.#statement} ${this.#remedy}`;
  }

  /** The same for the answer to `kubectl apply`, when the object was not stored. */
  get sentenceAtApply(): string {
    return `${this.#statement} ${remedyAtApply(this.reason)}`;
  }

  get #statement(): string {
    return `${capitalized(this.message).replace(/(?<![.\s])[.\s]+$/, '')}.`;
  }
}

/** What to do about a DockerRun that was refused with this reason and so was not stored. */
export function remedyAtApply(reason: FailureReason): string {
  const row = failureReasons[reason];
  return 'remedyAtApply' in row ? row.remedyAtApply : row.remedy;
}

/** Messages of other programs can be of any length, and the status has to fit into etcd. */
const longestMessage = 1000;

/** Without half characters: the API server replaces them, so that the status would differ from it at each look. */
function cutMiddle(text: string): string {
  const half = Math.floor(longestMessage / 2);
  const short = text.length <= longestMessage ? text : `${text.slice(0, half)} … ${text.slice(-half)}`;
  return short.toWellFormed();
}

/** Starts the text with a capital letter, unless it starts with the path of a field. */
function capitalized(text: string): string {
  return text.startsWith('spec.') ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the kernel reports when a disk or a file server fails, or has no more room or handles. */
const diskErrors = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'ESTALE', 'EREMOTEIO', 'EMFILE', 'ENFILE']);

/**
 * Turns any thrown value into a RunError. An error that was not classified is one of a disk, which can occur
 * wherever a file is used, or a defect of ours.
 */
export function toRunError(error: unknown): RunError {
  if (error instanceof RunError) return error;
  const isOfDisk = diskErrors.has(errorCode(error) ?? '');
  return new RunError(isOfDisk ? 'DiskFailed' : 'WorkerFailed', describe(error), { cause: error });
}

/** Calls `handle` for every uncaught error, as toRunError classifies it. Node then does not end the process. */
export function onUncaughtError(handle: (defect: RunError) => void): void {
  const onError = (error: unknown) => handle(toRunError(error));
  process.on('uncaughtException', onError).on('unhandledRejection', onError);
}

/** The reason of `AbortSignal.timeout`: it names neither what was late nor that somebody waited. */
const nodesTimeout = 'The operation was aborted due to timeout';

/** One line for any thrown value, with a system error's code but never its request: headers hold tokens. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const text = error.message === nodesTimeout ? 'no answer in time' : error.message || error.name;
  return code !== undefined && !text.includes(code) ? `${text} (${code})` : text;
}

/** A thrown value or the reason of a signal, either of which can be any value, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The `code` of a system or library error (`ENOENT`, `ECONNRESET`…), if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
