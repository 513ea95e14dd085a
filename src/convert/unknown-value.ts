import { isPyObject, membersOf, type PyObject, type PyValue } from '../calls/python-value.ts';

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

/**
 * The first unknown value in a list or dictionary; what is in objects was settled when they were made. A list that is
 * part of several others is looked at once.
 */
export function unknownIn(value: PyValue | undefined): Unknown | undefined {
  const seen = new Set<object>();
  const open = value === undefined ? [] : [value];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    const unknown = unknownOf(one);
    if (unknown !== undefined) return unknown;
    if (one.kind !== 'object') for (const member of membersOf(one)) open.push(member);
  }
  return undefined;
}
