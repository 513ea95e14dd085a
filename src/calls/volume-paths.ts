import { posix } from 'node:path';
import { quote, Refusal } from './refusal.ts';

/** In characters, as in the schema. */
const longestPath = 1024;

/** A path inside of a volume; `.` is the volume itself. @throws Refusal for one that leads out of it */
export function pathInVolume(text: string, what: string): string {
  const path = posix.normalize(text === '' ? '.' : text).replace(/(?<=.)\/$/, '');
  if (path.startsWith('/'))
    throw new Refusal(`${what} ${quote(text)} is an absolute path; name a path in the volume`);
  if (path === '..' || path.startsWith('../'))
    throw new Refusal(`${what} ${quote(text)} leads out of its volume`);
  return bounded(path, what);
}

/** @throws Refusal for a path that is not absolute, or has `..` */
export function absolutePathOf(text: string, what: string): string {
  if (!text.startsWith('/')) throw new Refusal(`${what} ${quote(text)} is not an absolute path`);
  if (text.split('/').includes('..')) throw new Refusal(`${what} ${quote(text)} contains ".."`);
  const path = posix.normalize(text);
  return bounded(path.length > 1 ? path.replace(/\/$/, '') : path, what);
}

function bounded(path: string, what: string): string {
  if (path.length <= longestPath) return path;
  throw new Refusal(`${what} has ${path.length} characters, but at most ${longestPath} are possible`);
}

/** Whether a text can be the name of one file or directory. */
export function isPlainName(text: string): boolean {
  return text !== '' && text.length <= 255 && text !== '.' && text !== '..' && !/[/\0]/.test(text);
}
