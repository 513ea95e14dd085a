import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import { deadline } from '../../support/abort.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import { configEntries, parseConfig } from './docker-config.ts';
import {
  type Login,
  type RegistryAuths,
  type RegistryEntry,
  registryHost,
  serverAddress,
} from './registry-auths.ts';

/** The directory of docker's configuration: $DOCKER_CONFIG, or ~/.docker. */
export function dockerConfigDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return textOf(environment['DOCKER_CONFIG']) ?? join(homedir(), '.docker');
}

/**
 * The credentials that `docker pull` would use for an image on this machine: from a credential helper or
 * config.json. As in docker, a helper that fails does not fail the pull, because the image may be public; the
 * advice reports it.
 * @throws RunError SecretIncomplete when config.json cannot be read; the signal's reason when it aborts
 */
export async function localAuths(
  image: string,
  { directory = dockerConfigDirectory(), signal }: { directory?: string; signal: AbortSignal },
): Promise<RegistryAuths> {
  const host = registryHost(image);
  const path = join(directory, 'config.json');
  const config = await readConfig(path);
  const helper = helperFor(host, config);
  if (helper === undefined) {
    const auths = config['auths'] ?? {};
    return { entries: configEntries(auths, { source: path, where: path }), advice: logIn };
  }
  const found = await askHelper(helper, serverAddress(host), signal);
  if ('problem' in found) {
    return { entries: [], advice: (wanted) => `${found.problem}; fix it, or run ${logIn(wanted)}` };
  }
  const entries: RegistryEntry[] =
    found.login === undefined
      ? []
      : [{ pattern: host, source: `docker-credential-${helper}`, login: found.login }];
  return { entries, advice: logIn };
}

function logIn(host: string): string {
  return host === 'docker.io' ? 'docker login' : `docker login ${host}`;
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  try {
    return parseConfig(await readFile(path, 'utf8'), { source: path, where: path });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return {};
    if (error instanceof RunError) throw error;
    throw new RunError('SecretIncomplete', `${path} cannot be read: ${describe(error)}`, { cause: error });
  }
}

/** A helper for the registry takes precedence over the general one. */
function helperFor(host: string, config: Record<string, unknown>): string | undefined {
  const helpers = isRecord(config['credHelpers']) ? config['credHelpers'] : {};
  return textOf(helpers[serverAddress(host)]) ?? textOf(helpers[host]) ?? textOf(config['credsStore']);
}

/** The login that a credential helper has for a registry (undefined without one), or why it failed. */
type HelperAnswer = { readonly login: Login | undefined } | { readonly problem: string };

/** How long a run waits for a helper, which may open a key store that asks its user. */
const answerMs = 20_000;

/**
 * Asks `docker-credential-<helper> get`, which reads the address on its standard input and answers in JSON.
 * @throws the signal's reason when it aborts
 */
async function askHelper(helper: string, address: string, signal: AbortSignal): Promise<HelperAnswer> {
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
    // When the helper does not start or does not read its input, its exit shows why.
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
  // Helpers use this name to mark the token of an OAuth login.
  if (username === '<token>') return { login: { identitytoken: secret } };
  return { login: { username, password: secret } };
}

/** Prefers codes: a message of the helper might contain a secret. */
function whyOf(error: Error): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return ': it is not on the PATH';
  if (code !== undefined) return ` (${code})`;
  return 'code' in error && typeof error.code === 'number'
    ? ` with exit code ${error.code}`
    : `: ${describe(error)}`;
}
