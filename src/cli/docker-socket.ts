import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../api/json-values.ts';
import { dockerConfigDirectory } from '../docker/pull/local-auths.ts';
import { errorCode } from '../support/errors.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { UsageError } from './arguments.ts';

const defaultSocket = '/var/run/docker.sock';

/** An address of an engine, and where it was found. */
type Host = { readonly address: string; readonly source: string };

/**
 * The socket of the engine that docker itself would use: of DOCKER_HOST, else of the context that DOCKER_CONTEXT or
 * docker's configuration names, else the usual one.
 * @throws UsageError when it is not on this machine: the run's files could not be shared with it
 */
export async function dockerSocket(environment: NodeJS.ProcessEnv): Promise<string> {
  const host = hostOf(environment) ?? (await contextHost(environment));
  if (host === undefined) return defaultSocket;
  const path = /^unix:\/\/(\/.+)$/.exec(host.address)?.[1];
  if (path !== undefined) return path;
  throw new UsageError(
    `${host.source} is ${host.address}, and a run without a cluster needs the Docker Engine of this machine: give its socket, as DOCKER_HOST=unix://${defaultSocket}`,
  );
}

function hostOf(environment: NodeJS.ProcessEnv): Host | undefined {
  const address = textOf(environment['DOCKER_HOST']);
  return address === undefined ? undefined : { address, source: 'DOCKER_HOST' };
}

async function contextHost(environment: NodeJS.ProcessEnv): Promise<Host | undefined> {
  const directory = dockerConfigDirectory(environment);
  const config = await readJson(join(directory, 'config.json'));
  const context = textOf(environment['DOCKER_CONTEXT']) ?? textOf(config?.['currentContext']);
  if (context === undefined || context === 'default') return undefined;
  // The directory of a context is the hash of its name.
  const hash = createHash('sha256').update(context).digest('hex');
  const meta = await readJson(join(directory, 'contexts', 'meta', hash, 'meta.json'));
  const endpoints = isRecord(meta?.['Endpoints']) ? meta['Endpoints'] : {};
  const address = isRecord(endpoints['docker']) ? textOf(endpoints['docker']['Host']) : undefined;
  if (address !== undefined) return { address, source: `the host of docker's context ${context}` };
  throw new UsageError(`docker has no context ${context} with a host; see docker context ls`);
}

/** A file of docker's, if it is there and can be read; whoever needs what is in it says so. */
async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const value = parseJson(await readFile(path, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
