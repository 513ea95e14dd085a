import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import { dockerConfigDirectory } from '../../docker/pull/local-auths.ts';
import { errorCode } from '../../support/errors.ts';
import { UsageError } from '../arguments.ts';

const defaultSocket = '/var/run/docker.sock';

/** The address of an engine; `source` names where it was found, for messages. */
type Host = { readonly address: string; readonly source: string };

/**
 * The socket that the docker command would use: of DOCKER_HOST, else of the context in DOCKER_CONTEXT or in
 * docker's configuration, else the default one.
 * @throws UsageError if the engine is not on this machine: it could not see the run's files
 */
export async function dockerSocket(environment: NodeJS.ProcessEnv): Promise<string> {
  const host = hostOf(environment) ?? (await contextHost(environment));
  if (host === undefined) return defaultSocket;
  const path = /^unix:\/\/(\/.+)$/.exec(host.address)?.[1];
  if (path !== undefined) return path;
  throw new UsageError(
    `${host.source} is ${host.address}, but a run without a cluster needs the Docker Engine of this machine; set DOCKER_HOST to its socket, such as unix://${defaultSocket}`,
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
  // docker names the directory of a context by the hash of its name.
  const hash = createHash('sha256').update(context).digest('hex');
  const meta = await readJson(join(directory, 'contexts', 'meta', hash, 'meta.json'));
  const endpoints = isRecord(meta?.['Endpoints']) ? meta['Endpoints'] : {};
  const address = isRecord(endpoints['docker']) ? textOf(endpoints['docker']['Host']) : undefined;
  if (address !== undefined) return { address, source: `the host of docker's context ${context}` };
  throw new UsageError(`docker has no context ${context} with a host; see docker context ls`);
}

/** The JSON object in a file; undefined if the file does not exist or does not contain one. */
async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const value = parseJson(await readFile(path, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
