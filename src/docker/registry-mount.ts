import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../support/errors.ts';
import { type PullSecret, configJsonKey, configKey } from './registry-secrets.ts';

/** Reads a pull secret from the directory where it is mounted; which of the keys there must be is not judged here. */
export async function readPullSecret(directory: string, name: string): Promise<PullSecret> {
  const read = async (key: string) => [key, await textIn(join(directory, key))] as const;
  return { name, data: Object.fromEntries(await Promise.all([configJsonKey, configKey].map(read))) };
}

async function textIn(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
