import { createLogger, type Logger } from '../support/log.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import type { Speaker } from './speaker.ts';

/** A log for people: warnings of the run's parts as plain lines. */
export function plainLog(speaker: Speaker): Logger {
  return createLogger('warn', {
    write: (json) => {
      const entry: unknown = JSON.parse(json);
      const { msg, error } = isRecord(entry) ? entry : {};
      const [text, cause] = [textOf(msg), textOf(error)];
      speaker.say(cause === undefined ? (text ?? json.trim()) : `${text ?? ''}: ${cause}`);
    },
  });
}
