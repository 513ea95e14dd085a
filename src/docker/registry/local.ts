import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RunError, describe, errorCode } from '../../support/errors.ts';
import { isRecord, textOf } from '../../support/narrow.ts';
import type { RegistryAuths, RegistryEntry } from './auths.ts';
import { configEntries, parseConfig } from './config.ts';
import { askHelper } from './credential-helper.ts';
import { registryHost, serverAddress } from './match.ts';

/** The directory of docker's configuration: $DOCKER_CONFIG, or ~/.docker. */
export function dockerConfigDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return textOf(environment['DOCKER_CONFIG']) ?? join(homedir(), '.docker');
}

/**
 * The credentials that `docker pull` would use for an image on this machine: a credential helper's, or those in
 * config.json. A helper that fails is no failure, as for docker: the image may be public, and the advice tells.
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
    return { entries: [], advice: (wanted) => `${found.problem}; mend it, or run ${logIn(wanted)}` };
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

/** A helper for the one registry goes before the one for all. */
function helperFor(host: string, config: Record<string, unknown>): string | undefined {
  const helpers = isRecord(config['credHelpers']) ? config['credHelpers'] : {};
  return textOf(helpers[serverAddress(host)]) ?? textOf(helpers[host]) ?? textOf(config['credsStore']);
}
