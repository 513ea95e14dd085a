import type { PyObject, PyValue } from '../calls/python-value.ts';
import { isPyObject } from '../calls/python-value.ts';

/** The class of a value that the text of a program does not have. No class of Python has this name. */
const className = '?';

export type Unknown = {
  /** The expression, as it is written. */
  readonly source: string;
  readonly line: number;
  /** In words that follow the expression. */
  readonly why: string;
};

const unknowns = new WeakMap<PyObject, Unknown>();

export function unknownValue(unknown: Unknown): PyObject {
  const object: PyObject = { kind: 'object', className, attributes: new Map() };
  unknowns.set(object, unknown);
  return object;
}

/** Undefined for a value that is known. */
export function unknownOf(value: PyValue | undefined): Unknown | undefined {
  return isPyObject(value) ? unknowns.get(value) : undefined;
}

/** The first unknown value in a list or dictionary; what is in objects was settled when they were made. */
export function unknownIn(value: PyValue | undefined): Unknown | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (value.kind === 'dict') return firstOf([...value.entries.values()]);
  if (value.kind === 'list' || value.kind === 'tuple' || value.kind === 'set') return firstOf(value.items);
  return unknownOf(value);
}

function firstOf(values: readonly PyValue[]): Unknown | undefined {
  for (const value of values) {
    const found = unknownIn(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
