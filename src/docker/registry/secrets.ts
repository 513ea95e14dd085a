import { RunError } from '../../support/errors.ts';
import type { RegistryAuths, RegistryEntry } from './auths.ts';
import { configEntries, parseConfig } from './config.ts';

/** A Secret of `spec.imagePullSecrets`: its name and its keys' texts, decoded as in a mounted volume. */
export type PullSecret = {
  readonly name: string;
  readonly data: Readonly<Record<string, string | undefined>>;
};

/** The key of a Secret of type kubernetes.io/dockerconfigjson. */
export const configJsonKey = '.dockerconfigjson';
/** The key of a Secret of the older type kubernetes.io/dockercfg, which is the inner map alone. */
export const configKey = '.dockercfg';

/**
 * Reads pull secrets of both of Kubernetes' types.
 * @throws RunError SecretIncomplete, which names the Secret and never what it holds
 */
export function registryAuths(secrets: readonly PullSecret[]): RegistryAuths {
  return { entries: secrets.flatMap(entriesOf), advice: (host) => adviceFor(host, secrets) };
}

function entriesOf({ name, data }: PullSecret): RegistryEntry[] {
  const source = `Secret ${name}`;
  const at = (key: string) => ({
    source,
    where: `The key ${key} of the Secret ${name} (spec.imagePullSecrets)`,
  });
  const [json, legacy] = [data[configJsonKey], data[configKey]];
  if (json !== undefined)
    return configEntries(parseConfig(json, at(configJsonKey))['auths'], at(configJsonKey));
  if (legacy !== undefined) return configEntries(parseConfig(legacy, at(configKey)), at(configKey));
  throw new RunError(
    'SecretIncomplete',
    `The Secret ${name} (spec.imagePullSecrets) has neither the key ${configJsonKey} nor ${configKey}`,
  );
}

function adviceFor(host: string, secrets: readonly PullSecret[]): string {
  if (secrets.length === 0) return `name a Secret with credentials for ${host} in spec.imagePullSecrets`;
  const names = secrets.map(({ name }) => name).join(', ');
  return `of spec.imagePullSecrets (${names}) none has an entry for ${host}`;
}
