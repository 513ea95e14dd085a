import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { textOf } from '../api/json-values.ts';
import { errorCode, RunError } from '../support/errors.ts';
import type { GirderCredentials } from './credentials.ts';

/**
 * The credentials in a directory where the kubelet mounts a Secret; `secret` names it in the message.
 * @throws RunError SecretIncomplete
 */
export async function mountedCredentials(directory: string, secret: string): Promise<GirderCredentials> {
  const apiKey = await trimmedText(join(directory, 'apiKey'));
  if (apiKey !== undefined) return { apiKey };
  const token = await trimmedText(join(directory, 'token'));
  if (token !== undefined) return { token };
  throw new RunError('SecretIncomplete', `${secret} has neither the key apiKey nor the key token`);
}

/** Without the line end that editors and `echo` add; undefined if the file is absent or empty. */
async function trimmedText(path: string): Promise<string | undefined> {
  try {
    return textOf((await readFile(path, 'utf8')).trim());
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
