import { readFile } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { parseAllDocuments, type ScalarTag } from 'yaml';
import { isRecord, textOf } from '../../api/json-values.ts';
import { apiVersion, kind, setKind } from '../../api/names.ts';
import { describe } from '../../support/errors.ts';
import { UsageError } from '../arguments.ts';

/** A parsed document. */
export type Fields = Record<string, unknown>;

export type Manifest = {
  /** The name of the file in messages. */
  readonly file: string;
  /** DockerRuns and DockerRunSets. */
  readonly runs: readonly Fields[];
  readonly secrets: readonly Fields[];
  readonly configMaps: readonly Fields[];
  /** The other documents, as in `Service/viewer`. */
  readonly ignored: readonly string[];
};

/** The content of a file, or of standard input if the file is `-`. @throws UsageError if it cannot be read */
export async function readInput(file: string, stdin: Readable, signal: AbortSignal): Promise<string> {
  try {
    return file === '-'
      ? await text(addAbortSignal(signal, stdin))
      : await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UsageError(`cannot read ${nameOfInput(file)}: ${describe(error)}`);
  }
}

/** The name of a file in messages. */
export function nameOfInput(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/**
 * Parses YAML or JSON as kubectl does (YAML 1.1: `yes` is true, 0644 is octal), so that a file means the same
 * here and in the cluster. Empty documents are left out.
 * @param where the name of the text in messages
 * @throws UsageError
 */
export function parseDocuments(text: string, where: string): unknown[] {
  // PowerShell writes UTF-16, in which every other byte is 0.
  if (text.includes('\0'))
    throw new UsageError(`${where}: this is not text in UTF-8; save it in that encoding`);
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => [
      ...tags.filter((tag) => typeof tag === 'string' || !isReadAsString(tag)),
      newerOctal,
    ],
  });
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${where}: ${firstLine(error.message)}`);
    const value = valueOf(() => document.toJS() as unknown, where);
    return value === null || value === undefined ? [] : [value];
  });
}

/** Resolves aliases, which throws if one is unknown or if there are too many. */
function valueOf(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? firstLine(error.message) : String(error)}`);
  }
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}

/** Tags of YAML 1.1 that kubectl's parser reads as strings: 2026-01-01 and 12:30. */
function isReadAsString({ tag, format }: { tag: string; format?: string }): boolean {
  return tag.endsWith(':timestamp') || format === 'TIME';
}

/** 0o644 is from YAML 1.2, and kubectl's parser reads it. */
const newerOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => parseInt(text.replace('0o', ''), 8),
};

/** Sorts the documents by kind, including the items of a List. @throws UsageError */
export function manifestOf(documents: readonly unknown[], file: string): Manifest {
  const all = documents.flatMap((document) => objectsOf(document, file));
  const isRun = (one: Fields) => one['kind'] === kind || one['kind'] === setKind;
  const isOf = (core: string) => (one: Fields) => one['kind'] === core && one['apiVersion'] === 'v1';
  const [isSecret, isConfigMap] = [isOf('Secret'), isOf('ConfigMap')];
  const others = all.filter((one) => !isRun(one) && !isSecret(one) && !isConfigMap(one));
  return {
    file,
    runs: all.filter(isRun).map((run) => ofOurVersion(run, file)),
    secrets: all.filter(isSecret),
    configMaps: all.filter(isConfigMap),
    ignored: others.map((one) => `${String(one['kind'])}/${nameOf(one) ?? '?'}`),
  };
}

function objectsOf(document: unknown, file: string): Fields[] {
  if (
    !isRecord(document) ||
    textOf(document['kind']) === undefined ||
    textOf(document['apiVersion']) === undefined
  ) {
    throw new UsageError(`${file}: every document must be an object with apiVersion and kind`);
  }
  if (document['kind'] !== 'List') return [document];
  const { items } = document;
  return Array.isArray(items) ? items.flatMap((item: unknown) => objectsOf(item, file)) : [];
}

function ofOurVersion(run: Fields, file: string): Fields {
  if (run['apiVersion'] === apiVersion) return run;
  const name = nameOf(run) ?? '';
  throw new UsageError(
    `${file}: ${String(run['kind'])} ${name} has apiVersion ${String(run['apiVersion'])}, but this dockerrun supports only ${apiVersion}`,
  );
}

/** The DockerRun or DockerRunSet to run. @throws UsageError unless there is exactly one, or one with the name */
export function chooseRun({ runs, file }: Manifest, name: string | undefined): Fields {
  const chosen = name === undefined ? runs : runs.filter((run) => nameOf(run) === name);
  const [run, second] = chosen;
  const names = runs.map((one) => nameOf(one) ?? '(without a name)').join(', ');
  if (run === undefined) {
    if (runs.length === 0) throw new UsageError(`${file}: contains no ${kind} and no ${setKind}`);
    throw new UsageError(`${file}: contains no ${kind} or ${setKind} named ${name}, only ${names}`);
  }
  if (second === undefined) return run;
  if (name === undefined) {
    throw new UsageError(
      `${file}: contains ${runs.length} ${kindsOf(runs)} (${names}); choose one with --name`,
    );
  }
  throw new UsageError(`${file}: contains ${chosen.length} ${kindsOf(chosen)} named ${name}`);
}

function kindsOf(objects: readonly Fields[]): string {
  return [...new Set(objects.map((one) => `${String(one['kind'])}s`))].toSorted().join(' and ');
}

/** `metadata.name`, else `metadata.generateName`. */
export function nameOf(document: Fields): string | undefined {
  const metadata = isRecord(document['metadata']) ? document['metadata'] : {};
  return textOf(metadata['name']) ?? textOf(metadata['generateName']);
}

/** Adds the variables of a file that are not set. @throws UsageError if it cannot be read */
export async function withEnvFile(
  environment: NodeJS.ProcessEnv,
  file: string | undefined,
): Promise<NodeJS.ProcessEnv> {
  if (file === undefined) return environment;
  try {
    return { ...parseEnv(await readFile(file, 'utf8')), ...environment };
  } catch (error) {
    throw new UsageError(`cannot read --env-file ${file}: ${describe(error)}`);
  }
}
