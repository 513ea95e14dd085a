import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const ownerOnly = 0o600;

function isThere(path: string, content: string): boolean {
  try {
    return readFileSync(path, 'utf8') === content;
  } catch {
    return false;
  }
}

/** Writes a file that only root may read, whole or not at all; leaves one alone that is right, since some are watched. */
export function writePrivate(path: string, content: string): void {
  if (isThere(path, content)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, content, { mode: ownerOnly });
  renameSync(`${path}.new`, path);
}
