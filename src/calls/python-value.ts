/**
 * A value of Python, as plain data. Nothing of it is ever called or imported: an object is the name of its class and
 * its attributes. Identity counts: what was one object in Python is one object here.
 */
export type PyValue =
  null | boolean | bigint | number | string | PyList | PyTuple | PySet | PyDict | PyBytes | PyName | PyObject;

export type PyList = { readonly kind: 'list'; readonly items: PyValue[] };
export type PyTuple = { readonly kind: 'tuple'; readonly items: readonly PyValue[] };
export type PySet = { readonly kind: 'set'; readonly items: readonly PyValue[] };

/** A key of Python that is no text is a text in the way of its jsonpickle; see `json://` in unpickling.ts. */
export type PyDict = { readonly kind: 'dict'; readonly entries: Map<string | PyKey, PyValue> };

/** A key such as 1, None or a path: Python's `str` and `repr` of it. */
export type PyKey = { readonly kind: 'key'; readonly text: string; readonly repr: string };

export type PyBytes = { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** A class or function, by its name. */
export type PyName = { readonly kind: 'name'; readonly name: string };

/** An instance of a class; for what Python made by a call, the class is the name of what was called. */
export type PyObject = {
  readonly kind: 'object';
  readonly className: string;
  readonly attributes: Map<string, PyValue>;
};

export function isPyObject(value: PyValue | undefined): value is PyObject {
  return isOfKind(value) && value.kind === 'object';
}

export function isPyDict(value: PyValue | undefined): value is PyDict {
  return isOfKind(value) && value.kind === 'dict';
}

/** The elements of a list, tuple or set; undefined for anything else. */
export function itemsOf(value: PyValue | undefined): readonly PyValue[] | undefined {
  if (!isOfKind(value)) return undefined;
  return value.kind === 'list' || value.kind === 'tuple' || value.kind === 'set' ? value.items : undefined;
}

/** Whether Python's `if` takes the value for true. */
export function isTruthy(value: PyValue | undefined): boolean {
  if (!isOfKind(value)) return Boolean(value) || Number.isNaN(value);
  if (value.kind === 'dict') return value.entries.size > 0;
  if (value.kind === 'bytes') return value.bytes.byteLength > 0;
  return itemsOf(value)?.length !== 0;
}

/** A value with parts or a kind of its own. */
export type Compound = Exclude<PyValue, null | boolean | bigint | number | string>;

/** What a value leads to: elements, values of a dictionary, or attributes. */
export function membersOf(value: Compound): Iterable<PyValue> {
  switch (value.kind) {
    case 'list':
    case 'tuple':
    case 'set':
      return value.items;
    case 'dict':
      return value.entries.values();
    case 'object':
      return value.attributes.values();
    default:
      return [];
  }
}

function isOfKind(value: PyValue | undefined): value is Compound {
  return typeof value === 'object' && value !== null;
}
