import type { ConfigMapKeyReference, SecretKeyReference } from '../../api/fields.ts';
import { isRecord, textOf } from '../../api/json-values.ts';
import type { PullSecret } from '../../docker/pull/docker-config.ts';
import type { GirderCredentials } from '../../girder/credentials.ts';
import { RunError } from '../../support/errors.ts';
import type { Volume } from '../../api/volumes.ts';
import { UsageError } from '../arguments.ts';
import { type Fields, nameOf } from '../offline/manifest.ts';

/** The keys of a Secret with their values. */
type SecretData = ReadonlyMap<string, string>;

/** Values from the Secrets and ConfigMaps in the file of the run; of Secrets else from environment variables. */
export class LocalSecrets {
  readonly #secrets: ReadonlyMap<string, SecretData>;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #file: string;
  readonly #configMaps: ReadonlyMap<string, SecretData>;

  constructor(
    secrets: ReadonlyMap<string, SecretData>,
    environment: NodeJS.ProcessEnv,
    file: string,
    configMaps: ReadonlyMap<string, SecretData> = new Map(),
  ) {
    this.#secrets = secrets;
    this.#environment = environment;
    this.#file = file;
    this.#configMaps = configMaps;
  }

  /**
   * `field` is the field of the spec that refers to the key, for the message.
   * @throws RunError SecretIncomplete
   */
  value({ name, key }: SecretKeyReference, field: string): string {
    const variable = secretVariable(name, key);
    const value = this.#secrets.get(name)?.get(key) ?? this.#environment[variable];
    if (value !== undefined) return value;
    throw new RunError(
      'SecretIncomplete',
      `${field}: the key ${key} of the Secret ${name} is neither in ${this.#file} nor in the environment variable ${variable}`,
    );
  }

  /** The value of a key of a ConfigMap in the file. @throws RunError SecretIncomplete */
  configMapValue({ name, key }: ConfigMapKeyReference, field: string): string {
    const value = this.#configMaps.get(name)?.get(key);
    if (value !== undefined) return value;
    const text = `${field}: the key ${key} of the ConfigMap ${name} is not in ${this.#file}`;
    throw new RunError('SecretIncomplete', text);
  }

  /** The files of a volume of a Secret or ConfigMap, by their paths in it. @throws RunError SecretIncomplete */
  filesOf(volume: Volume): ReadonlyMap<string, string> {
    const files = this.#filesOf(volume);
    const binary = [...files].find(([, text]) => text.includes('\ufffd'))?.[0];
    if (binary === undefined) return files;
    const text = `spec.volumes: ${volume.name}: ${binary} is not UTF-8, which only a cluster can mount; use a bindMount`;
    throw new RunError('SecretIncomplete', text);
  }

  #filesOf({ name: volume, secret, configMap }: Volume): SecretData {
    const field = `spec.volumes: ${volume}`;
    const name = secret?.secretName ?? configMap?.name ?? '';
    const items = secret?.items ?? configMap?.items;
    const value = (key: string) =>
      secret === undefined ? this.configMapValue({ name, key }, field) : this.value({ name, key }, field);
    if (items !== undefined) return new Map(items.map(({ key, path }) => [path, value(key)]));
    const data = (secret === undefined ? this.#configMaps : this.#secrets).get(name);
    if (data !== undefined) return data;
    const object = secret === undefined ? 'ConfigMap' : 'Secret';
    const text = `${field}: the ${object} ${name} is not in ${this.#file}`;
    throw new RunError('SecretIncomplete', text);
  }

  /** Without the line end that `echo` and editors add. @throws RunError SecretIncomplete */
  girderCredentials(secret: string): GirderCredentials {
    const data = this.#secrets.get(secret);
    const found =
      data === undefined
        ? credentialsOf(this.#environment['GIRDER_API_KEY'], this.#environment['GIRDER_TOKEN'])
        : credentialsOf(data.get('apiKey'), data.get('token'));
    if (found !== undefined) return found;
    const field = 'spec.girder.credentialsSecretRef';
    throw new RunError(
      'SecretIncomplete',
      data === undefined
        ? `${field}: ${this.#file} does not contain the Secret ${secret}, and neither GIRDER_API_KEY nor GIRDER_TOKEN is set`
        : `${field}: the Secret ${secret} in ${this.#file} has neither the key apiKey nor the key token`,
    );
  }

  /** The pull secrets that are in the file; others are ignored, as the kubelet does. */
  pullSecrets(references: readonly { readonly name: string }[]): PullSecret[] {
    return references.flatMap(({ name }) => {
      const data = this.#secrets.get(name);
      return data === undefined ? [] : [{ name, data: Object.fromEntries(data) }];
    });
  }
}

/** The environment variable for a key of a Secret that is not in the file. */
export function secretVariable(secret: string, key: string): string {
  return `DOCKERRUN_SECRET_${secret}_${key}`.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}

function credentialsOf(apiKey: string | undefined, token: string | undefined): GirderCredentials | undefined {
  const [trimmedKey, trimmedToken] = [textOf(apiKey?.trim()), textOf(token?.trim())];
  if (trimmedKey !== undefined) return { apiKey: trimmedKey };
  return trimmedToken === undefined ? undefined : { token: trimmedToken };
}

/** The Secrets, or the ConfigMaps, of the namespace by name. @throws UsageError, which never quotes a value */
export function readSecrets(
  documents: readonly Fields[],
  { namespace, file }: { namespace: string; file: string },
): ReadonlyMap<string, SecretData> {
  const secrets = new Map<string, SecretData>();
  for (const document of documents) {
    const [name, kind] = [nameOf(document), textOf(document['kind']) ?? 'Secret'];
    if (name === undefined) throw new UsageError(`${file}: a ${kind} has no metadata.name`);
    if ((namespaceOf(document) ?? namespace) !== namespace) continue;
    if (secrets.has(name)) throw new UsageError(`${file}: contains two ${kind}s named ${name}`);
    secrets.set(name, dataOf(document, `${file}: ${kind} ${name}`));
  }
  return secrets;
}

function namespaceOf({ metadata }: Fields): string | undefined {
  return isRecord(metadata) ? textOf(metadata['namespace']) : undefined;
}

/** As in the API server, stringData takes precedence over data. Only a ConfigMap has data as plain text. */
function dataOf(document: Fields, where: string): SecretData {
  const [encoded, plain] =
    document['kind'] === 'ConfigMap' ? (['binaryData', 'data'] as const) : (['data', 'stringData'] as const);
  const decoded = entriesOf(document, encoded, where).map(([key, value]) => {
    if (!isBase64(value))
      throw new UsageError(
        `${where}: the value of ${encoded}.${key} is not base64; use ${plain} for plain text`,
      );
    return [key, Buffer.from(value, 'base64').toString('utf8')] as const;
  });
  return new Map([...decoded, ...entriesOf(document, plain, where)]);
}

function entriesOf(
  document: Fields,
  field: 'data' | 'stringData' | 'binaryData',
  where: string,
): [string, string][] {
  const map = document[field] ?? {};
  if (!isRecord(map)) throw new UsageError(`${where}: ${field} must be a map of strings`);
  return Object.entries(map).map(([key, value]) => {
    if (typeof value === 'string') return [key, value];
    throw new UsageError(`${where}: the value of ${field}.${key} must be a string; put it in quotes`);
  });
}

function isBase64(text: string): boolean {
  const bare = text.replace(/[\r\n]/g, '');
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}
