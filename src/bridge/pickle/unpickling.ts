import type { JsonMap, JsonNode } from './json-nodes.ts';
import { pythonRepr, pythonText } from '../../calls/python-text.ts';
import {
  isPyObject,
  itemsOf,
  type PyKey,
  type PyName,
  type PyObject,
  type PyValue,
} from '../../calls/python-value.ts';
import { UnreadableError } from './json-nodes.ts';
import { readJson } from './json-reader.ts';
import { scalarOf } from './scalars.ts';

/**
 * What jsonpickle wrote, as plain data. A reference (`py/id`) is the number of an object that came before. Versions 2
 * to 4 of jsonpickle number dicts and version 1 does not; the text does not say which one wrote it, so the numbering
 * is taken with which each volume is a volume and each client of Girder is one.
 * @throws UnreadableError for a reference that leads nowhere or in a circle, and for a malformed tag
 */
export function unpickle(node: JsonNode): PyValue {
  const recent = attempt(node, { numbersDicts: true });
  if (recent.value !== undefined && recent.isPlausible) return recent.value;
  const old = attempt(node, { numbersDicts: false });
  if (old.value !== undefined && old.isPlausible) return old.value;
  throw (
    recent.error ??
    new UnreadableError('its references (py/id) do not fit the numbering of any known jsonpickle')
  );
}

type Numbering = { readonly numbersDicts: boolean };

type Attempt =
  | { readonly value: PyValue; readonly isPlausible: boolean; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: UnreadableError };

function attempt(node: JsonNode, numbering: Numbering): Attempt {
  const unpickling = new Unpickling(numbering);
  try {
    return { value: unpickling.value(node), isPlausible: unpickling.isPlausible() };
  } catch (error) {
    if (error instanceof UnreadableError) return { error };
    throw error;
  }
}

/** The prefix of a key that is no text, whose JSON follows (`keys=True` of Girder 5). */
const jsonKey = 'json://';

/** Lists and dicts of jsonpickle's own, for what it can only rebuild by a call. */
const reduceTag = '__reduce__';
/** A call of the constructor of the first argument; a member of an enumeration is an attribute of it. */
const newObject = 'py/newobj';

class Unpickling {
  readonly #numbering: Numbering;
  /** By their number. One that is undefined is still being read: a reference to it is a circle. */
  readonly #numbered: (PyValue | undefined)[] = [];

  constructor(numbering: Numbering) {
    this.#numbering = numbering;
  }

  value(node: JsonNode): PyValue {
    if (Array.isArray(node)) return this.#list(node as readonly JsonNode[]);
    return node instanceof Map ? this.#tagged(node as JsonMap) : (node as PyValue);
  }

  /** Whether each attribute that refers to a volume or to Girder does so. */
  isPlausible(): boolean {
    return this.#numbered.every((value) => {
      if (!isPyObject(value)) return true;
      return isClient(value.attributes.get('gc')) && isVolume(value.attributes.get('_volume'));
    });
  }

  #list(nodes: readonly JsonNode[]): PyValue {
    return this.#number(() => ({ kind: 'list', items: nodes.map((node) => this.value(node)) }));
  }

  #number(read: () => PyValue): PyValue {
    const number = this.#numbered.push(undefined) - 1;
    const value = read();
    this.#numbered[number] = value;
    return value;
  }

  #tagged(node: JsonMap): PyValue {
    if (node.has('py/id')) return this.#reference(node.get('py/id'));
    for (const kind of ['tuple', 'set'] as const) {
      const items = node.get(`py/${kind}`);
      if (items !== undefined)
        return { kind, items: listOf(items, `py/${kind}`).map((item) => this.value(item)) };
    }
    const name = node.get('py/type') ?? node.get('py/function') ?? node.get('py/class');
    if (name !== undefined) return { kind: 'name', name: textOfTag(name, 'py/type') };
    const bytes = node.get('py/b64');
    if (bytes !== undefined)
      return { kind: 'bytes', bytes: Buffer.from(textOfTag(bytes, 'py/b64'), 'base64') };
    if (node.has('py/reduce')) return this.#number(() => this.#made(node));
    if (node.has('py/object')) return this.#number(() => this.#object(node));
    const dict = () => this.#dict(node);
    return this.#numbering.numbersDicts ? this.#number(dict) : dict();
  }

  #reference(number: JsonNode | undefined): PyValue {
    const value = typeof number === 'bigint' ? this.#numbered[Number(number)] : undefined;
    if (value !== undefined) return value;
    const isOpen = typeof number === 'bigint' && number >= 0n && number < BigInt(this.#numbered.length);
    throw new UnreadableError(
      isOpen
        ? 'a reference (py/id) leads to an object that contains it'
        : 'a reference (py/id) leads to no object before it',
    );
  }

  #made(node: JsonMap): PyValue {
    const parts = listOf(node.get('py/reduce'), 'py/reduce').map((part) => this.value(part));
    const [called, given] = parts;
    const args = itemsOf(given) ?? [];
    const isOfFirst = called === newObject || (isName(called) && called.name === 'builtins.getattr');
    const made = isOfFirst ? args[0] : called;
    const className = isName(made) ? made.name : 'unknown';
    if (className === 'collections.OrderedDict') return { kind: 'dict', entries: entriesOf(parts[4]) };
    const scalar = scalarOf(className, args);
    if (scalar !== undefined) return scalar;
    return {
      kind: 'object',
      className,
      attributes: new Map([['py/reduce', { kind: 'list', items: parts }]]),
    };
  }

  #object(node: JsonMap): PyValue {
    const elements = node.get('py/iterator');
    // What a generator had to give.
    if (elements !== undefined)
      return { kind: 'list', items: listOf(elements, 'py/iterator').map((item) => this.value(item)) };
    const attributes = new Map<string, PyValue>();
    for (const [key, field] of inOrder(node)) {
      if (key === 'py/object') continue;
      if (key === reduceTag) attributes.set(key, this.#unnumbered(field));
      else this.#attribute(attributes, key, field);
    }
    const className = textOfTag(node.get('py/object'), 'py/object');
    const scalar = scalarOf(className, itemsOf(attributes.get('py/newargs')) ?? []);
    if (scalar !== undefined) return scalar;
    if (className !== 'collections.defaultdict') return { kind: 'object', className, attributes };
    attributes.delete('default_factory');
    return { kind: 'dict', entries: attributes };
  }

  #attribute(attributes: Map<string, PyValue>, key: string, field: JsonNode): void {
    const value = this.value(field);
    attributes.set(key, value);
    if (key !== 'py/state' || typeof value !== 'object' || value?.kind !== 'dict') return;
    for (const [name, member] of value.entries) if (typeof name === 'string') attributes.set(name, member);
  }

  /** The lists of a datetime; what is in them counts. */
  #unnumbered(node: JsonNode): PyValue {
    if (!Array.isArray(node)) return this.value(node);
    return { kind: 'list', items: (node as readonly JsonNode[]).map((item) => this.#unnumbered(item)) };
  }

  #dict(node: JsonMap): PyValue {
    const entries = new Map<string | PyKey, PyValue>();
    for (const [key, field] of inOrder(node)) {
      // It is numbered before its value.
      const read = this.#key(key);
      entries.set(read, this.value(field));
    }
    return { kind: 'dict', entries };
  }

  /** A key that is no text stands there as JSON, in which objects are numbered as everywhere else. */
  #key(key: string): string | PyKey {
    if (!key.startsWith(jsonKey)) return key;
    const value = this.value(readJson(Buffer.from(key.slice(jsonKey.length))));
    if (typeof value === 'string') return value;
    const parts = { text: (text: string) => text, object: ({ className }: PyObject) => className };
    const [text, repr] = [pythonText(value, parts), pythonRepr(value, parts)];
    return { kind: 'key', text, repr };
  }
}

/** jsonpickle writes and numbers keys that are no texts after the others, and `__dict__` last. */
function inOrder(node: JsonMap): readonly (readonly [string, JsonNode])[] {
  const [first, later, last]: [string, JsonNode][][] = [[], [], []];
  for (const [key, field] of node) {
    if (key === '__dict__' && node.has('py/object')) last?.push([key, field]);
    else (key.startsWith(jsonKey) ? later : first)?.push([key, field]);
  }
  return [...(first ?? []), ...(later ?? []), ...(last ?? [])];
}

/** The members of an OrderedDict: pairs of key and value. Keys that are no texts have no meaning here. */
function entriesOf(pairs: PyValue | undefined): Map<string | PyKey, PyValue> {
  const entries = new Map<string | PyKey, PyValue>();
  for (const pair of itemsOf(pairs) ?? []) {
    const [key, value = null] = itemsOf(pair) ?? [];
    if (typeof key === 'string') entries.set(key, value);
  }
  return entries;
}

function isClient(value: PyValue | undefined): boolean {
  return value == null || (isPyObject(value) && value.attributes.has('urlBase'));
}

/** None, or an object with the attributes that all volumes have and nothing in a volume has. */
function isVolume(value: PyValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (!isPyObject(value)) return false;
  const { attributes } = value;
  return (attributes.has('host_dir') || attributes.has('_host_path')) && !attributes.has('_volume');
}

function isName(value: PyValue | undefined): value is PyName {
  return typeof value === 'object' && value !== null && value.kind === 'name';
}

function listOf(node: JsonNode | undefined, tag: string): readonly JsonNode[] {
  if (Array.isArray(node)) return node as readonly JsonNode[];
  throw new UnreadableError(`${tag} is not a list`);
}

function textOfTag(node: JsonNode | undefined, tag: string): string {
  if (typeof node === 'string' && node !== '') return node;
  throw new UnreadableError(`${tag} is not a name`);
}
