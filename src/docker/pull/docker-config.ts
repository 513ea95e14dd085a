import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import { RunError } from '../../support/errors.ts';
import type { Login, RegistryAuths, RegistryEntry } from './registry-auths.ts';

/** A Secret of `spec.imagePullSecrets`; the values of `data` are decoded, as in a mounted volume. */
export type PullSecret = {
  readonly name: string;
  readonly data: Readonly<Record<string, string | undefined>>;
};

/** The key of a Secret of type kubernetes.io/dockerconfigjson. */
export const configJsonKey = '.dockerconfigjson';
/** The key of a Secret of the older type kubernetes.io/dockercfg, which is only the inner map of `auths`. */
export const configKey = '.dockercfg';

/**
 * Reads pull secrets of both of Kubernetes' types.
 * @throws RunError SecretIncomplete, which names the Secret but never quotes its contents
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
  return `the Secrets of spec.imagePullSecrets have no entry for ${host}: ${names}`;
}

/** Where a docker configuration comes from; messages name it by `where` and never quote its contents. */
type ConfigSource = { readonly source: string; readonly where: string };

/**
 * Parses the JSON of a docker configuration.
 * @throws RunError SecretIncomplete, without a cause, because the error of the parser quotes the text
 */
export function parseConfig(text: string, { where }: ConfigSource): Record<string, unknown> {
  const config = parseJson(text);
  if (!isRecord(config)) throw new RunError('SecretIncomplete', `${where} is not a JSON object`);
  return config;
}

/**
 * Reads the map from registries to logins. Skips an entry without a login: docker writes such an entry when
 * it keeps the login elsewhere.
 * @throws RunError SecretIncomplete when an entry cannot be read
 */
export function configEntries(auths: unknown, from: ConfigSource): RegistryEntry[] {
  if (!isRecord(auths)) {
    throw new RunError(
      'SecretIncomplete',
      `${from.where} does not contain a map from registries to credentials`,
    );
  }
  return Object.entries(auths).flatMap(([pattern, entry]) => {
    const login = loginOf(entry, `The entry ${JSON.stringify(pattern)} of ${lowerFirst(from.where)}`);
    return login === undefined ? [] : [{ pattern, source: from.source, login }];
  });
}

function loginOf(entry: unknown, where: string): Login | undefined {
  if (!isRecord(entry)) throw new RunError('SecretIncomplete', `${where} is not a JSON object`);
  const auth = textOf(entry['auth']);
  const { username, password } =
    auth === undefined
      ? { username: textOf(entry['username']), password: textOf(entry['password']) }
      : decodeAuth(auth, where);
  const identitytoken = textOf(entry['identitytoken']);
  if (identitytoken !== undefined) return { username, identitytoken };
  if (username === undefined) return undefined;
  return { username, password: password ?? '' };
}

/** `auth` is the base64 of `user:password`; docker itself sometimes pads it with zero bytes. */
function decodeAuth(auth: string, where: string): { username: string; password: string } {
  const base64 = auth.replace(/\s/g, '');
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon < 1)
    throw new RunError('SecretIncomplete', `${where} has an auth that is not the base64 of user:password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/(?<!\0)\0+$/, '') };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
