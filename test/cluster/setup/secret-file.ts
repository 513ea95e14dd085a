import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { layout } from '../layout.ts';

const ownerOnly = 0o600;

function secretPath(name: string): string {
  return join(layout.state, 'secrets', name);
}

/** Writes a file that only root may read, whole or not at all. */
export function writePrivate(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, content, { mode: ownerOnly });
  renameSync(`${path}.new`, path);
}

/** A secret that an earlier `up` stored; undefined when there is none. */
export function readSecret(name: string): string | undefined {
  try {
    return readFileSync(secretPath(name), 'utf8');
  } catch {
    return undefined;
  }
}

/** Stores a secret for the life of the cluster. */
export function storeSecret(name: string, value: string): string {
  writePrivate(secretPath(name), value);
  return value;
}

/** The stored secret of this name, made at random the first time. */
export function ensureSecret(name: string): string {
  return readSecret(name) ?? storeSecret(name, randomBytes(24).toString('hex'));
}
