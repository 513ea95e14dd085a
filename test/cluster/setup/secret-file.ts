import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import { writePrivate } from './config-file.ts';

function secretPath(name: string): string {
  return join(layout.state, 'secrets', name);
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
