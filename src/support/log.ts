import { type DestinationStream, type Logger, pino } from 'pino';
import { defined, textOf } from '../api/json-values.ts';
import { describe, errorCode } from './errors.ts';

export type { Logger };

/** Names of headers and fields whose values are secrets, wherever they appear in a log line. */
const secretPaths = ['token', 'apiKey', 'key', 'authorization', 'Authorization', '["Girder-Token"]'].flatMap(
  (name) => [name, name.startsWith('[') ? `*${name}` : `*.${name}`],
);

/** Creates a JSON logger; `level` is pino's. Secrets are removed by the names of their fields. */
export function createLogger(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: { paths: secretPaths, censor: '[secret]' }, base: null }, destination);
}

export type ErrorFields = { error: string; code?: string | number; reason?: string };

/** Log fields: `code` is a system error's or an HTTP status, `reason` Kubernetes' or of our table. */
export function errorFields(error: unknown): ErrorFields {
  const code = errorCode(error) ?? statusCode(error);
  const reason = error instanceof Error && 'reason' in error ? textOf(error.reason) : undefined;
  return defined({ error: describe(error), code, reason });
}

/** KubeError has status 0 when no answer came, which is not a code. */
function statusCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  return typeof error.status === 'number' && error.status > 0 ? error.status : undefined;
}
