import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/** Header and field names whose values are secrets wherever they appear in what is logged. */
const secretPaths = ['token', 'apiKey', 'key', 'authorization', 'Authorization', '["Girder-Token"]'].flatMap(
  (name) => [name, name.startsWith('[') ? `*${name}` : `*.${name}`],
);

/** A JSON logger; `level` is pino's. Secrets are removed by name, and errors are logged without their request. */
export function createLogger(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: { paths: secretPaths, censor: '[secret]' }, base: null }, destination);
}
