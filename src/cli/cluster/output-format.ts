import { stringify } from 'yaml';
import { CommandLineError, type Given } from '../arguments.ts';
import { resourceOf } from './session.ts';
import { isSet, type StoredObject } from './stored-object.ts';

export type Format = 'wide' | 'json' | 'yaml' | 'name';

/** @throws CommandLineError */
export function formatOf(given: Given, known: readonly Format[]): Format | undefined {
  const text = given.text('output');
  const format = known.find((one) => one === text);
  if (text !== undefined && format === undefined)
    throw new CommandLineError(`--output ${text}: it must be one of ${known.join(', ')}`);
  return format;
}

/** Objects for programs: one alone, or a List as kubectl prints it. */
export function formatted(
  objects: readonly StoredObject[],
  format: 'json' | 'yaml' | 'name',
  { isList }: { readonly isList: boolean },
): string {
  if (format === 'name') return objects.map((one) => `${nameForKubectl(one)}\n`).join('');
  const plain = objects.map(withoutManagedFields);
  const [first] = plain;
  const value = isList || first === undefined || plain.length > 1 ? listOf(plain) : first;
  return dumped(value, format);
}

/** A value as JSON or YAML. */
export function dumped(value: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value, { lineWidth: 0 });
}

/** A name that kubectl understands as an argument. */
export function nameForKubectl(object: StoredObject): string {
  return `${resourceOf(isSet(object) ? 'set' : 'run')}/${object.metadata.name}`;
}

function listOf(items: readonly unknown[]): object {
  return { apiVersion: 'v1', kind: 'List', items, metadata: { resourceVersion: '' } };
}

/** As kubectl, which shows them only with --show-managed-fields. */
function withoutManagedFields(object: StoredObject): StoredObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
