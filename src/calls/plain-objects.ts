import { kindOf } from './class-kinds.ts';
import { timeOf } from './python-times.ts';
import { itemsOf, type PyObject, type PyValue } from './python-value.ts';

/**
 * Classes of Python and MongoDB whose objects are values, as plugins pass them in place of a text. Girder Worker makes
 * arguments of them with `str`.
 */
const texts: Readonly<Record<string, (object: PyObject) => string | undefined>> = {
  'bson.objectid.ObjectId': objectIdOf,
  'pathlib.PosixPath': pathOf,
  'pathlib.PurePosixPath': pathOf,
  // The class of Python 3.13.
  'pathlib._local.PosixPath': pathOf,
  'pathlib._local.PurePosixPath': pathOf,
  'decimal.Decimal': (object) => textIn(argumentsOf(object)?.[0]),
  'uuid.UUID': uuidOf,
};

/** `str(object)` of an object that is a value; undefined for all others. */
export function plainTextOf(object: PyObject): string | undefined {
  return Object.hasOwn(texts, object.className) ? texts[object.className]?.(object) : timeOf(object)?.text;
}

/** `repr(object)` of such an object; `quoted` makes that of a text. */
export function plainReprOf(object: PyObject, quoted: (text: string) => string): string | undefined {
  const time = timeOf(object);
  if (time !== undefined) return time.repr;
  const text = plainTextOf(object);
  return text === undefined ? undefined : `${shortNameOf(object)}(${quoted(text)})`;
}

/** The name of its class without the module, as its `repr` has it. */
function shortNameOf({ className }: PyObject): string {
  return className.slice(className.lastIndexOf('.') + 1);
}

/** The 24 digits of an ObjectId of MongoDB; undefined for another object. */
export function objectIdOf(object: PyObject): string | undefined {
  const state: PyValue | undefined = object.attributes.get('py/state');
  if (kindOf(object) !== 'ObjectId' || typeof state !== 'object' || state?.kind !== 'bytes') return undefined;
  return Buffer.from(state.bytes).toString('hex');
}

/** What the class was called with; undefined for an object that is not made by a call. */
function argumentsOf(object: PyObject): readonly PyValue[] | undefined {
  return itemsOf(itemsOf(object.attributes.get('py/reduce'))?.[1]);
}

function pathOf(object: PyObject): string | undefined {
  const parts = argumentsOf(object)?.map(textIn);
  if (parts === undefined || parts.includes(undefined)) return undefined;
  const [first = '.', ...others] = parts.map(String);
  return first.endsWith('/') ? first + others.join('/') : [first, ...others].join('/');
}

function uuidOf(object: PyObject): string | undefined {
  const hex = textIn(object.attributes.get('hex'));
  return hex?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function textIn(value: PyValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
