import { apiVersion, kind } from '../api/names.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { UsageError } from './usage-error.ts';

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
