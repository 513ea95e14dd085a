import { createLogger, type Logger } from '../support/log.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import type { Console } from './speaker.ts';

/** A log for people: warnings of the run's parts as plain lines. */
export function plainLog(speaker: Console): Logger {
  return createLogger('warn', { write: (json) => speaker.say(plainLine(json)) });
}

/** Fields that say when and how loud, or that only a developer can read. */
const unsaid = new Set(['level', 'time', 'stack', 'msg']);
/** Fields that follow the text as they are, without their names. */
const causes = ['kept', 'error'];

/** An entry of the log as one line: its text, what it is about in brackets, and after a colon what came of it or why. */
function plainLine(json: string): string {
  const entry: unknown = JSON.parse(json);
  if (!isRecord(entry)) return json.trim();
  const { subject, ...rest } = entry;
  const others = Object.entries(rest).filter(([name]) => !unsaid.has(name) && !causes.includes(name));
  const about = [subject, ...others.map(([name, value]) => `${name} ${plainValue(value)}`)].map(plainValue);
  const why = causes.map((name) => plainValue(entry[name])).filter((text) => text !== '');
  const brackets = about.filter((text) => text !== '').join(', ');
  const text = `${textOf(entry['msg']) ?? 'warning'}${brackets === '' ? '' : ` (${brackets})`}`;
  return [text, ...why].join(': ');
}

function plainValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(plainValue).join(', ') : JSON.stringify(value);
}
