import { readFile } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import { parseAllDocuments, type ScalarTag } from 'yaml';
import { apiVersion, kind } from '../api/names.ts';
import { describe } from '../support/errors.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { UsageError } from './arguments.ts';

/** A document as it was read. */
export type Fields = Record<string, unknown>;

/** The documents of a file, by what they are for a run. */
export type Manifest = {
  /** The name of the file in messages. */
  readonly file: string;
  readonly runs: readonly Fields[];
  readonly secrets: readonly Fields[];
  /** What a run without a cluster has no use for, as `ConfigMap/settings`. */
  readonly ignored: readonly string[];
};

/** Sorts documents by their kinds; those in a List count as if they stood alone. @throws UsageError */
export function manifestOf(documents: readonly unknown[], file: string): Manifest {
  const all = documents.flatMap((document) => objectsOf(document, file));
  const isRun = (one: Fields) => one['kind'] === kind;
  const isSecret = (one: Fields) => one['kind'] === 'Secret' && one['apiVersion'] === 'v1';
  const others = all.filter((one) => !isRun(one) && !isSecret(one));
  return {
    file,
    runs: all.filter(isRun).map((run) => ofOurVersion(run, file)),
    secrets: all.filter(isSecret),
    ignored: others.map((one) => `${String(one['kind'])}/${nameOf(one) ?? '?'}`),
  };
}

/** The name in the metadata of a document, or what stands for it until the API server makes one. */
export function nameOf(document: Fields): string | undefined {
  const metadata = isRecord(document['metadata']) ? document['metadata'] : {};
  return textOf(metadata['name']) ?? textOf(metadata['generateName']);
}

/** The one DockerRun to run. @throws UsageError when it is not clear which */
export function chooseRun({ runs, file }: Manifest, name: string | undefined): Fields {
  const chosen = name === undefined ? runs : runs.filter((run) => nameOf(run) === name);
  const [run, second] = chosen;
  const names = runs.map((one) => nameOf(one) ?? '(without a name)').join(', ');
  if (run === undefined) {
    if (runs.length === 0) throw new UsageError(`${file}: it holds no document of kind ${kind}`);
    throw new UsageError(`${file}: it holds no ${kind} with the name ${name}, only ${names}`);
  }
  if (second === undefined) return run;
  if (name === undefined) {
    throw new UsageError(`${file}: it holds ${runs.length} DockerRuns (${names}); choose one with --name`);
  }
  throw new UsageError(`${file}: it holds ${chosen.length} DockerRuns with the name ${name}`);
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
    `${file}: ${kind} ${name} has apiVersion ${String(run['apiVersion'])}, and this dockerrun knows ${apiVersion}`,
  );
}

/** Tags of YAML 1.1 that kubectl's parser leaves as texts: 2026-01-01 and 12:30. */
function isLeftAsText({ tag, format }: { tag: string; format?: string }): boolean {
  return tag.endsWith(':timestamp') || format === 'TIME';
}

/** What kubectl's parser takes over from YAML 1.2. */
const newerOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => parseInt(text.replace('0o', ''), 8),
};

/**
 * The documents of a YAML or JSON text, read as kubectl reads it (YAML 1.1: `yes` is true, 0644 is octal), so that
 * a file means here what it means in the cluster. Empty documents are left out.
 * @param where the name of the text in messages
 */
export function parseDocuments(text: string, where: string): unknown[] {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => [
      ...tags.filter((tag) => typeof tag === 'string' || !isLeftAsText(tag)),
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

/** Aliases are resolved only here, and may be unknown or far too many. */
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

/** The text of a file, or of standard input when the file is `-`. @throws UsageError when it cannot be read */
export async function readInput(file: string, stdin: Readable, signal: AbortSignal): Promise<string> {
  try {
    return file === '-'
      ? await text(addAbortSignal(signal, stdin))
      : await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UsageError(`${nameOfInput(file)} cannot be read: ${describe(error)}`);
  }
}

/** How messages call a file. */
export function nameOfInput(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** The environment with what a file gives for variables that are not set. @throws UsageError */
export async function withEnvFile(
  environment: NodeJS.ProcessEnv,
  file: string | undefined,
): Promise<NodeJS.ProcessEnv> {
  if (file === undefined) return environment;
  try {
    return { ...parseEnv(await readFile(file, 'utf8')), ...environment };
  } catch (error) {
    throw new UsageError(`--env-file ${file} cannot be read: ${describe(error)}`);
  }
}
