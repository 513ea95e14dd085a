/** A request to the API server that failed: with an error status, or without an answer. */
export class KubeError extends Error {
  /** The HTTP status code; 0 when no answer came. */
  readonly status: number;
  /** The machine-readable reason, such as NotFound, AlreadyExists, Conflict, Expired. */
  readonly reason: string;
  /** The value of Retry-After. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    details: { status: number; reason?: string; retryAfterSeconds?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.name = 'KubeError';
    this.status = details.status;
    this.reason = details.reason ?? '';
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** True when the object, or the resource itself, does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** True when the name is already taken (create), or the object has a newer version or another uid (write). */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

/** True when a resource version is too old (410 Gone), or newer than the server's (restored etcd). */
export function isExpired(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  const isFromTheFuture = error.status === 504 && error.message.includes('Too large resource version');
  return error.status === 410 || error.reason === 'Expired' || isFromTheFuture;
}

/** True when no answer came: the request may or may not have taken effect. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof KubeError && error.status === 0;
}

/** True when no answer came, or only 429: the same request may be sent again unchanged. */
export function isSafeToResend(error: unknown): boolean {
  return isUnanswered(error) || (error instanceof KubeError && error.status === 429);
}

const refusals = new Set([400, 403, 405, 413, 422]);

/** True when the API server answered that it will not do this: the same request would be refused again. */
export function isRefused(error: unknown): boolean {
  return error instanceof KubeError && refusals.has(error.status);
}

/** The longest Retry-After that is respected. */
const longestRetryAfterMs = 600_000;

/** Retry-After in milliseconds, at most 10 minutes; undefined if the answer had none. */
export function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof KubeError) || error.retryAfterSeconds === undefined) return undefined;
  return Math.min(Math.max(0, error.retryAfterSeconds) * 1000, longestRetryAfterMs);
}

/** The run changed after it was read. Not a failure: it is reconciled again once the cache has caught up. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** True for an error that is neither a conflict nor the API server's answer, or the lack of one. */
export function isDefect(error: unknown): boolean {
  return !(error instanceof ConflictError) && !(error instanceof KubeError);
}
