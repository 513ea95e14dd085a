export class KubeError extends Error {
  /** The HTTP status code; 0 when no answer came. */
  readonly status: number;
  /** The machine-readable reason, such as NotFound, AlreadyExists, Conflict, Expired. */
  readonly reason: string;
  /** What Retry-After asked for. */
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

/** True when the object, or the resource itself, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** True when a create found an object of that name, or a write found a newer version or another uid. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

/** True when a resource version is too old to list or watch from (410 Gone), or newer than any (etcd was restored). */
export function isExpired(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  const isFromTheFuture = error.status === 504 && error.message.includes('Too large resource version');
  return error.status === 410 || error.reason === 'Expired' || isFromTheFuture;
}

/** True when no answer came: what was asked for may have happened, or not. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof KubeError && error.status === 0;
}

/** True when no answer came, or only that the server has no time: what was asked for may be asked for again as it is. */
export function isUnheard(error: unknown): boolean {
  return isUnanswered(error) || (error instanceof KubeError && error.status === 429);
}

/** No server is left alone for longer than this, whatever it asks for. */
const longestRetryAfterMs = 600_000;

/** How long the API server asked to be left alone, in milliseconds; nothing when it did not. */
export function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof KubeError) || error.retryAfterSeconds === undefined) return undefined;
  return Math.min(Math.max(0, error.retryAfterSeconds) * 1000, longestRetryAfterMs);
}

/** A run has changed since it was decided on: nothing is wrong, it is decided again as soon as the cache has caught up. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}
