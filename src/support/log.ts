import { type DestinationStream, type Logger, pino } from 'pino';
import { defined } from '../api/json-values.ts';
import { describe, errorCode } from './errors.ts';
import { textOf } from './narrow.ts';

export type { Logger };

/** Header and field names whose values are secrets wherever they appear in what is logged. */
const secretPaths = ['token', 'apiKey', 'key', 'authorization', 'Authorization', '["Girder-Token"]'].flatMap(
  (name) => [name, name.startsWith('[') ? `*${name}` : `*.${name}`],
);

/** A JSON logger; `level` is pino's. Secrets are removed by name, and errors are logged without their request. */
export function createLogger(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: { paths: secretPaths, censor: '[secret]' }, base: null }, destination);
}

/** What a log line says of an error: its sentence, and the words that a query of the log can look for. */
export type ErrorFields = { error: string; code?: string | number; reason?: string };

/** The fields of an error: `code` is a system error's or an HTTP status, `reason` that of Kubernetes or of our table. */
export function errorFields(error: unknown): ErrorFields {
  const code = errorCode(error) ?? statusCode(error);
  const reason = error instanceof Error && 'reason' in error ? textOf(error.reason) : undefined;
  return defined({ error: describe(error), code, reason });
}

/** Ours says 0 where no answer came, which is no code. */
function statusCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  return typeof error.status === 'number' && error.status > 0 ? error.status : undefined;
}
