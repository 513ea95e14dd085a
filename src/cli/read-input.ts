import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { addAbortSignal, type Readable } from 'node:stream';
import { describe } from '../support/errors.ts';
import { UsageError } from './usage-error.ts';

/** The text of a file, or of standard input when the file is `-`. @throws UsageError when it cannot be read */
export async function readInput(file: string, stdin: Readable, signal: AbortSignal): Promise<string> {
  try {
    return file === '-'
      ? await text(addAbortSignal(signal, stdin))
      : await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UsageError(`${nameOfInput(file)} cannot be read: ${describe(error)}`);
  }
}

/** How messages call a file. */
export function nameOfInput(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** The environment with what a file gives for variables that are not set. @throws UsageError */
export async function withEnvFile(
  environment: NodeJS.ProcessEnv,
  file: string | undefined,
): Promise<NodeJS.ProcessEnv> {
  if (file === undefined) return environment;
  try {
    return { ...parseEnv(await readFile(file, 'utf8')), ...environment };
  } catch (error) {
    throw new UsageError(`--env-file ${file} cannot be read: ${describe(error)}`);
  }
}
