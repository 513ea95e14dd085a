/** A refusal of the API server (a `Status` object), or no answer at all (`status` 0). */
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

/** True when a resource version is too old to list or watch from (410 Gone). */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === 'Expired');
}
