import { createHash } from 'node:crypto';
import { isRecord } from '../json-values.ts';
import type { ReceiptFile } from './receipt.ts';

/**
 * The identity of a result. Fields of the template that change how a run is scheduled, but not what it computes, are
 * left out: a new memory limit repeats nothing.
 */
const withoutEffect: ReadonlySet<string> = new Set([
  'resources',
  'nodeSelector',
  'affinity',
  'tolerations',
  'priorityClassName',
  'schedulerName',
  'podMetadata',
  'startDeadlineSeconds',
  'activeDeadlineSeconds',
  'uploadDeadlineSeconds',
  'terminationGracePeriodSeconds',
  'backoffLimit',
  'disruptionLimit',
  'ttlSecondsAfterFinished',
  'imagePullPolicy',
  'imagePullSecrets',
  'removeContainer',
  'suspend',
  'cancel',
  'forEach',
  'girder',
]);

/** JSON with the keys of every object in order, so that equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join(',')}}`;
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

type Recipe = {
  readonly template: Readonly<Record<string, unknown>>;
  readonly version?: string | undefined;
  /** The values of the `$(item.…)` names that the template uses; see {@link usedItemNames}. */
  readonly values: Readonly<Record<string, string>>;
};

/** SHA-256 in hexadecimal of what makes a result, apart from the bytes of the input. */
export function recipeOf({ template, version = '', values }: Recipe): string {
  const effective = Object.fromEntries(
    Object.entries(template).filter(([field]) => !withoutEffect.has(field)),
  );
  return sha256Of(canonicalJson({ template: effective, version, values }));
}

/** SHA-256 of the files of an input; their order does not matter. */
export function filesDigestOf(files: readonly ReceiptFile[]): string {
  const facts = files.map(({ id, size, created, sha512 }) => ({ id, size, created, sha512 }));
  return sha256Of(canonicalJson(facts.toSorted((a, b) => (a.id < b.id ? -1 : 1))));
}

/** The digest of a receipt. */
export function digestOf(recipe: string, filesDigest: string): string {
  return sha256Of(`${recipe} ${filesDigest}`);
}

export { textsOf, usedItemNames } from '../references.ts';
