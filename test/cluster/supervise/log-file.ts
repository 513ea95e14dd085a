import { existsSync, mkdirSync, openSync, readSync, renameSync, closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';

const tailBytes = 16 * 1024;

/** The file that holds a part's output. */
export function logPath(name: string): string {
  return join(layout.logs, `${name}.log`);
}

/** Opens a fresh log for a part and keeps the last one as `.1`; returns a descriptor the caller closes. */
export function openLog(name: string): number {
  mkdirSync(layout.logs, { recursive: true });
  retireLog(name);
  return openSync(logPath(name), 'a');
}

/** Keeps the log of a part that has ended as `.1`, if there is one. */
export function retireLog(name: string): void {
  const path = logPath(name);
  if (existsSync(path)) renameSync(path, `${path}.1`);
}

/** The last non-empty lines of a log; none when there is no such file. */
export function lastLines(path: string, count: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const size = fstatSync(fd).size;
    const start = Math.max(0, size - tailBytes);
    const buffer = Buffer.alloc(size - start);
    const read = readSync(fd, buffer, 0, buffer.length, start);
    const lines = buffer.toString('utf8', 0, read).split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-count);
  } finally {
    closeSync(fd);
  }
}
