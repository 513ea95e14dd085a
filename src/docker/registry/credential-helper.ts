import { execFile } from 'node:child_process';
import { parseJson } from '../../api/json-values.ts';
import { deadline } from '../../support/abort.ts';
import { describe, errorCode } from '../../support/errors.ts';
import { isRecord, textOf } from '../../support/narrow.ts';
import type { Login } from './auths.ts';

/** What a credential helper has for a registry (nothing is an answer too), or why it did not say. */
export type HelperAnswer = { readonly login: Login | undefined } | { readonly problem: string };

/** A helper may open a key store that asks its user; a run does not wait longer. */
const answerMs = 20_000;

/**
 * Asks `docker-credential-<helper> get`, which reads the address on its standard input and answers in JSON.
 * @throws the signal's reason when it aborts
 */
export async function askHelper(helper: string, address: string, signal: AbortSignal): Promise<HelperAnswer> {
  const program = `docker-credential-${helper}`;
  if (!/^[\w.-]+$/.test(helper))
    return { problem: `${JSON.stringify(program)} is not the name of a program` };
  const bound = deadline(answerMs, signal);
  const { error, stdout } = await run(program, address, bound);
  signal.throwIfAborted();
  if (bound.aborted) return { problem: `${program} did not answer within ${answerMs / 1000} s` };
  if (error === null) return answerOf(program, stdout);
  if (/credentials not found/.test(stdout)) return { login: undefined };
  return { problem: `${program} failed${whyOf(error)}` };
}

type Ended = { readonly error: Error | null; readonly stdout: string };

function run(program: string, input: string, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { signal, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
    const child = execFile(program, ['get'], options, (error, stdout) => resolve({ error, stdout }));
    // A helper that does not read its input, or could not be started, has told why by its end.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function answerOf(program: string, stdout: string): HelperAnswer {
  const answer = parseJson(stdout);
  const secret = isRecord(answer) ? textOf(answer['Secret']) : undefined;
  const username = isRecord(answer) ? textOf(answer['Username']) : undefined;
  if (secret === undefined || username === undefined)
    return { problem: `${program} answered without credentials` };
  // Helpers mark the token of an OAuth login with this name.
  if (username === '<token>') return { login: { identitytoken: secret } };
  return { login: { username, password: secret } };
}

/** Only codes: a helper's own words might hold what it keeps. */
function whyOf(error: Error): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return ': it is not on the PATH';
  if (code !== undefined) return ` (${code})`;
  return 'code' in error && typeof error.code === 'number'
    ? ` with exit code ${error.code}`
    : `: ${describe(error)}`;
}
