import { isRecord, textOf } from '../support/narrow.ts';
import { type Fields, nameOf } from './manifest.ts';
import { UsageError } from './usage-error.ts';

/** The keys and values of a Secret. */
export type SecretData = ReadonlyMap<string, string>;

/** The Secrets of a file that a run of this namespace could use, by name. @throws UsageError; it quotes no value */
export function readSecrets(
  documents: readonly Fields[],
  { namespace, file }: { namespace: string; file: string },
): ReadonlyMap<string, SecretData> {
  const secrets = new Map<string, SecretData>();
  for (const document of documents) {
    const name = nameOf(document);
    if (name === undefined) throw new UsageError(`${file}: a Secret has no metadata.name`);
    if ((namespaceOf(document) ?? namespace) !== namespace) continue;
    if (secrets.has(name)) throw new UsageError(`${file}: it holds two Secrets with the name ${name}`);
    secrets.set(name, dataOf(document, `${file}: Secret ${name}`));
  }
  return secrets;
}

function namespaceOf({ metadata }: Fields): string | undefined {
  return isRecord(metadata) ? textOf(metadata['namespace']) : undefined;
}

/** As the API server merges them: stringData goes before data. */
function dataOf(document: Fields, where: string): SecretData {
  const encoded = entriesOf(document, 'data', where).map(([key, value]) => {
    if (!isBase64(value))
      throw new UsageError(`${where}: the value of data.${key} is no base64; write it to stringData`);
    return [key, Buffer.from(value, 'base64').toString('utf8')] as const;
  });
  return new Map([...encoded, ...entriesOf(document, 'stringData', where)]);
}

function entriesOf(document: Fields, field: 'data' | 'stringData', where: string): [string, string][] {
  const map = document[field] ?? {};
  if (!isRecord(map)) throw new UsageError(`${where}: ${field} must be a map of texts`);
  return Object.entries(map).map(([key, value]) => {
    if (typeof value === 'string') return [key, value];
    throw new UsageError(`${where}: the value of ${field}.${key} must be a text; put it in quotes`);
  });
}

function isBase64(text: string): boolean {
  const bare = text.replace(/[\r\n]/g, '');
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}
