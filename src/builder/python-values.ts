import type { SecretKeyReference } from '../api/fields.ts';
import { isRecord } from '../api/json-values.ts';
import { constructed, type ConstructedKind, objectOf } from '../calls/class-constructors.ts';
import { secretMarker } from '../calls/manifest-source.ts';
import type { PyObject, PyValue } from '../calls/python-value.ts';
import { Refusal } from '../calls/refusal.ts';

/** What each object of the builder is in a call. */
const values = new WeakMap<object, PyObject | string>();

/** Makes a new object stand for a call of the class in Python. Members that are undefined are not given. */
export function standFor(object: object, kind: ConstructedKind, keywords: Record<string, unknown>): void {
  const given = Object.entries(keywords).filter(([, value]) => value !== undefined);
  const args = given.map(([keyword, value]) => ({ keyword, value: pythonValue(value) }));
  values.set(object, constructed(kind, args));
}

export function standForDefaultVolume(object: object): void {
  values.set(object, objectOf('_DefaultTemporaryVolume'));
}

export function standForSecretKey(object: object, secretKey: SecretKeyReference): void {
  values.set(object, secretMarker(secretKey));
}

/** In a text of a call: the name stays a name, whereas a `$(name)` of the caller is text. */
const nameMarker = (name: string) => `\0\0${name}\0\0`;

export function standForName(object: object, name: string): void {
  values.set(object, nameMarker(name));
}

/** The text with `$(name)` for each name. */
export function withNames(text: string): string {
  return text.replace(/\0\0([^\0]*)\0\0/g, '$($1)');
}

/** A value of TypeScript as Python would have it: an integer is `3`, and every other number `1.5`. */
export function pythonValue(value: unknown): PyValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return { kind: 'list', items: value.map(pythonValue) };
  const object = typeof value === 'object' ? values.get(value) : undefined;
  if (object !== undefined) return object;
  if (!isRecord(value)) throw new Refusal(`a value of the type ${typeof value} cannot be in a run`);
  const given = Object.entries(value).filter(([, member]) => member !== undefined);
  return { kind: 'dict', entries: new Map(given.map(([name, member]) => [name, pythonValue(member)])) };
}
