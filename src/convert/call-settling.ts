import type { ContainerCall } from '../calls/container-call.ts';
import type { PyKey, PyObject, PyValue } from '../calls/python-value.ts';
import { isPyObject } from '../calls/python-value.ts';
import type { ConversionNotes, Place } from './conversion-notes.ts';
import { unknownIn, unknownOf } from './unknown-value.ts';

/** Keywords whose elements are texts, where an unknown one can stand for itself. */
const texts: readonly string[] = ['container_args', 'entrypoint', 'environment'];

/**
 * The call without unknown values: a text that is not known is one to be replaced, and everything else that is not
 * known is left out. Both are said.
 */
export function settledCall(call: ContainerCall, notes: ConversionNotes): ContainerCall {
  const settled = new Map<string, PyValue>();
  for (const [keyword, value] of call) {
    const unknown = unknownOf(value);
    if (keyword === 'image' && unknown !== undefined)
      settled.set(keyword, notes.placeholder(unknown, 'image'));
    else if (unknown !== undefined) notes.leaveOut(keyword, unknown);
    else settled.set(keyword, settledValue(keyword, value, notes));
  }
  return settled;
}

/** The elements of a list of hooks or streams that are known. */
export function knownItems(what: string, items: readonly PyValue[], notes: ConversionNotes): PyValue[] {
  return items.filter((item) => {
    const unknown = unknownOf(item);
    if (unknown !== undefined) notes.leaveOut(`an element of ${what}`, unknown);
    return unknown === undefined;
  });
}

function settledValue(keyword: string, value: PyValue, notes: ConversionNotes): PyValue {
  if (unknownIn(value) === undefined) return value;
  if (texts.includes(keyword)) return new Settling(notes, 'text').value(value);
  if (keyword === 'volumes' && isOfKind(value, 'dict')) return new Settling(notes, 'path').value(value);
  if (isOfKind(value, 'list') || isOfKind(value, 'tuple'))
    return { kind: 'list', items: knownItems(keyword, value.items, notes) };
  const unknown = unknownIn(value);
  if (unknown !== undefined) notes.leaveOut(`a value of ${keyword}`, unknown);
  return null;
}

type Kinded = Exclude<PyValue, null | boolean | bigint | number | string>;

function isOfKind<Kind extends Kinded['kind']>(value: PyValue, kind: Kind): value is Kinded & { kind: Kind } {
  return typeof value === 'object' && value !== null && value.kind === kind;
}

/** Puts texts in the place of what is not known, in lists and dictionaries. */
class Settling {
  readonly #notes: ConversionNotes;
  readonly #place: Place;
  /** A list that is part of several others stays one. */
  readonly #settled = new Map<object, PyValue>();

  constructor(notes: ConversionNotes, place: Place) {
    this.#notes = notes;
    this.#place = place;
  }

  value(value: PyValue): PyValue {
    if (typeof value !== 'object' || value === null) return value;
    const settled = this.#settled.get(value) ?? this.#made(value);
    this.#settled.set(value, settled);
    return settled;
  }

  #made(value: PyValue): PyValue {
    if (isPyObject(value)) return this.#object(value);
    if (isOfKind(value, 'list')) return { kind: 'list', items: value.items.map((item) => this.value(item)) };
    if (isOfKind(value, 'tuple'))
      return { kind: 'tuple', items: value.items.map((item) => this.value(item)) };
    if (!isOfKind(value, 'dict')) return value;
    const entries = [...value.entries].map(([key, one]): [string | PyKey, PyValue] => [key, this.value(one)]);
    return { kind: 'dict', entries: new Map(entries) };
  }

  #object(object: PyObject): PyValue {
    const unknown = unknownOf(object);
    return unknown === undefined ? object : this.#notes.placeholder(unknown, this.#place);
  }
}
