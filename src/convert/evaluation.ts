import { classKinds } from '../calls/class-kinds.ts';
import {
  constructed,
  type ConstructedKind,
  constructedKinds,
  isConstructed,
  objectOf,
  parametersOf,
} from '../calls/class-constructors.ts';
import { type PyKey, type PyObject, type PyValue } from '../calls/python-value.ts';
import { pythonText } from '../calls/python-text.ts';
import { Refusal } from '../calls/refusal.ts';
import { Settlement } from './argument-settlement.ts';
import { ConversionNotes } from './conversion-notes.ts';
import { saidIfUsed } from './pending-notes.ts';
import { type CallArgument, type CallExpression, dottedName, type Expression } from './python/expression.ts';
import { unknownIn, unknownOf, unknownValue } from './unknown-value.ts';

/** What names stand for at a statement. */
export type Scope = {
  /** The value of a name; undefined if the program gives it none. */
  readonly valueOf: (name: string) => PyValue | undefined;
  /** The dotted name that a name was imported as; undefined for a name that was not. */
  readonly importOf: (name: string) => string | undefined;
  /** Values that the user gave, by the text of the expression. */
  readonly given: ReadonlyMap<string, string>;
};

/** Modules whose classes have a meaning in a call. */
const knownModules = /^(girder_worker|girder_worker_utils|slicer_cli_web|docker|bson)\./;

/** In characters, and elements: names can stand for sums of themselves, which double. A run has less. */
const longestSum = 2 ** 20;
const mostItems = 10_000;

/** Classes of docker-py that are options, with the names of their parameters in order. */
const optionClasses = {
  DeviceRequest: ['driver', 'count', 'device_ids', 'capabilities', 'options'],
  Ulimit: ['name', 'soft', 'hard'],
  LogConfig: ['type', 'config'],
  Healthcheck: ['test', 'interval', 'timeout', 'retries', 'start_period'],
  Mount: ['target', 'source', 'type', 'read_only'],
} as const;

type OptionKind = keyof typeof optionClasses;
type Source = { readonly source: string; readonly line: number };

const isOptionKind = (kind: string): kind is OptionKind => Object.hasOwn(optionClasses, kind);

/** The value of an expression, of which nothing is run; what is not known is an unknown value. */
export class Evaluation {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** @throws Refusal for an object that cannot be made in this way */
  value(expression: Expression): PyValue {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'list':
      case 'tuple':
      case 'set':
        return { kind: expression.kind, items: expression.items.map((item) => this.value(item)) };
      case 'dict':
        return this.#dict(expression.entries);
      case 'sum':
        return this.#sum(expression.terms, expression);
      case 'name':
      case 'attribute':
        return this.#named(expression);
      case 'call':
        return this.#called(expression);
      case 'other':
        return this.#unknown(expression.source, expression.line, expression.why);
    }
  }

  /** The dotted name of a function or class, through imports. */
  nameOf(expression: Expression): string | undefined {
    const name = dottedName(expression);
    if (name === undefined) return undefined;
    const [root = name, ...rest] = name.split('.');
    return [this.#scope.importOf(root) ?? root, ...rest].join('.');
  }

  #unknown(source: string, line: number, why: string): PyValue {
    return this.#scope.given.get(source) ?? unknownValue({ source, line, why });
  }

  #dict(entries: readonly (readonly [Expression, Expression])[]): PyValue {
    const members = new Map<string | PyKey, PyValue>();
    const notes = new ConversionNotes();
    for (const [key, value] of entries) {
      const name = this.value(key);
      const unknown = unknownOf(name);
      if (unknown !== undefined) members.set(notes.placeholder(unknown, 'path'), this.value(value));
      else if (typeof name === 'string') members.set(name, this.value(value));
      else members.set(keyOf(name), this.value(value));
    }
    const dict = { kind: 'dict', entries: members } as const;
    saidIfUsed(dict, notes);
    return dict;
  }

  /** Texts, or lists. */
  #sum(terms: readonly Expression[], whole: Expression): PyValue {
    const values = terms.map((term) => this.value(term));
    if (values.every((value) => typeof value === 'string')) {
      const length = values.reduce((sum, value) => sum + value.length, 0);
      if (length > longestSum) throw new Refusal(`a text has more than ${longestSum} characters`);
      return values.join('');
    }
    const lists = values.map((value) =>
      typeof value === 'object' && value?.kind === 'list' ? value.items : undefined,
    );
    if (lists.every((list) => list !== undefined)) {
      const length = lists.reduce((sum, list) => sum + list.length, 0);
      if (length > mostItems) throw new Refusal(`a list has more than ${mostItems} elements`);
      return { kind: 'list', items: lists.flat() };
    }
    const unknown = values.map(unknownOf).find((one) => one !== undefined);
    const source = unknown === undefined ? 'a sum' : `a sum with ${unknown.source}`;
    return this.#unknown(source, whole.line, 'only Python can work it out');
  }

  #named(expression: Expression & { readonly kind: 'name' | 'attribute' }): PyValue {
    const name = dottedName(expression);
    const known = name === undefined || name.includes('.') ? undefined : this.#scope.valueOf(name);
    if (known !== undefined) return this.#scope.given.get(name ?? '') ?? known;
    const full = this.nameOf(expression);
    if (full !== undefined && /(^|\.)TemporaryVolume\.default$/.test(full))
      return objectOf('_DefaultTemporaryVolume');
    const source = expression.kind === 'attribute' ? expression.source : expression.name;
    return this.#unknown(source, expression.line, 'the file does not say it');
  }

  #called(expression: CallExpression & { readonly line: number }): PyValue {
    const { called, args, source, line } = expression;
    const name = this.nameOf(called);
    if (name === 'str' && args.length === 1) return this.#text(expression);
    if (name === 'dict' && args.every(({ keyword }) => keyword !== undefined))
      return {
        kind: 'dict',
        entries: new Map(args.map((one) => [one.keyword ?? '', this.value(one.value)])),
      };
    const kind = name === undefined ? undefined : kindNamed(name);
    if (kind === undefined) return this.#unknown(source, line, 'only Python can work it out');
    if (isOptionKind(kind)) return this.#option(kind, args);
    return this.#object(kind, args, expression);
  }

  #text({ args, source, line }: CallExpression & { readonly line: number }): PyValue {
    const value = this.value(args[0]?.value ?? { kind: 'constant', value: '', line });
    const unknown = unknownOf(value);
    if (unknown !== undefined) return value;
    return unknownIn(value) === undefined
      ? plainText(value)
      : this.#unknown(source, line, 'only Python can work it out');
  }

  /** Its attributes are parameters as docker-py has them. */
  #option(kind: OptionKind, args: readonly CallArgument[]): PyValue {
    const names = optionClasses[kind];
    const members = args.map(({ keyword, value }, index): [string, PyValue] => [
      keyword ?? names[index] ?? `argument ${index + 1}`,
      this.value(value),
    ]);
    const attributes = new Map(
      kind === 'Mount' ? [['type', 'volume'] as [string, PyValue], ...members] : members,
    );
    const unknown = [...attributes.values()].map(unknownIn).find((one) => one !== undefined);
    return unknown === undefined ? objectOf(kind, attributes) : unknownValue(unknown);
  }

  #object(kind: ConstructedKind, args: readonly CallArgument[], { source, line }: Source): PyValue {
    const spread = args.find(({ spread: stars }) => stars !== '');
    if (spread !== undefined) return this.#unknown(source, line, 'its arguments are not in the text');
    const parameters = parametersOf(kind);
    const notes = new ConversionNotes();
    const given = args.map(({ keyword, value }, index) => {
      const parameter =
        keyword === undefined ? parameters[index] : parameters.find((one) => one.name === keyword);
      // The client of Girder is that of the run.
      if (parameter === undefined || parameter.name === 'gc') return { keyword, value: null };
      const what = `${parameter.name} of ${kind}`;
      return { keyword, value: new Settlement(notes, what).settled(this.value(value), parameter.form) };
    });
    const object = constructed(kind, given);
    saidIfUsed(object, notes);
    return object;
  }
}

/** The class that a name stands for: one of Girder Worker, also without its import, as in documentation. */
function kindNamed(name: string): ConstructedKind | OptionKind | undefined {
  const last = name.slice(name.lastIndexOf('.') + 1);
  const isKnown = !name.includes('.') || knownModules.test(name);
  if (!isKnown) return undefined;
  if (isOptionKind(last) && name.includes('.')) return last;
  const exact = classKinds.get(name);
  if (exact !== undefined && isConstructed(exact)) return exact;
  return constructedKinds.find((kind) => kind === last);
}

/** `str(value)` of what has no objects. */
function keyOf(name: PyValue): PyKey {
  const text = plainText(name);
  return { kind: 'key', text, repr: text };
}

function plainText(value: PyValue): string {
  const object = (one: PyObject): string => {
    throw new Refusal(`an object of the class ${one.className} cannot be a text`);
  };
  return pythonText(value, { text: (text) => text, object });
}
