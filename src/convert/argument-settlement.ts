import type { ParameterForm } from '../calls/class-constructors.ts';
import { isPyDict, type PyKey, type PyValue } from '../calls/python-value.ts';
import { Refusal } from '../calls/refusal.ts';
import type { ConversionNotes } from './conversion-notes.ts';
import { unknownIn, unknownOf } from './unknown-value.ts';

/** What an argument of a class becomes where its value is not known. */
export class Settlement {
  readonly #notes: ConversionNotes;
  /** The argument, for sentences. */
  readonly #what: string;

  constructor(notes: ConversionNotes, what: string) {
    this.#notes = notes;
    this.#what = what;
  }

  /** A value that a class can have: where the program does not say it, one that has to be replaced. */
  settled(value: PyValue, form: ParameterForm): PyValue {
    const unknown = unknownOf(value);
    if (unknown === undefined) return this.#ofForm(value, form);
    switch (form) {
      case 'object':
        throw new Refusal(`${this.#what} is ${unknown.source}, which has no value here (${unknown.why})`);
      case 'volume':
      case 'headers':
      case 'plain':
        this.#notes.leaveOut(this.#what, unknown);
        return null;
      default:
        return this.#notes.placeholder(unknown, form);
    }
  }

  #ofForm(value: PyValue, form: ParameterForm): PyValue {
    if (form === 'id') return typeof value === 'bigint' ? String(value) : value;
    if (form === 'headers') return withUnknownTexts(value);
    return form === 'plain' ? this.#plain(value) : value;
  }

  /** Without the members of a dictionary that are not known. */
  #plain(value: PyValue): PyValue {
    if (typeof value !== 'object' || value?.kind !== 'dict') return value;
    const known = [...value.entries].filter(([key, member]) => {
      const unknown = unknownIn(member);
      if (unknown !== undefined)
        this.#notes.leaveOut(`${this.#what} (${typeof key === 'string' ? key : key.text})`, unknown);
      return unknown === undefined;
    });
    return { kind: 'dict', entries: new Map(known) };
  }
}

/** The values of headers are only in a Secret, which somebody makes by hand. */
function withUnknownTexts(value: PyValue): PyValue {
  if (!isPyDict(value)) return value;
  const texts = [...value.entries].map(([name, text]): [string | PyKey, PyValue] => [
    name,
    unknownOf(text) === undefined ? text : 'unknown',
  ]);
  return { kind: 'dict', entries: new Map(texts) };
}
